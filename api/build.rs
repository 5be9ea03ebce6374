//! Sees to it that the crate is built again when the portal was, and says so when there is no portal to embed.

#![allow(clippy::disallowed_macros, reason = "cargo reads standard output")]

use std::path::Path;

fn main() {
    let dist = Path::new("../portal/dist");
    println!("cargo::rerun-if-changed=build.rs");
    // Cargo looks again at every build while the folder is missing, so that `make portal` is noticed.
    println!("cargo::rerun-if-changed={}", dist.display());
    if !dist.join("index.html").is_file() {
        println!("cargo::warning=portal/dist is missing: the program is built without its web pages; `make portal` builds them");
    }
}
