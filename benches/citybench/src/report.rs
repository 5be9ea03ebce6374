//! The result as Markdown, ready for `benches/README.md`.

use std::fmt::Write as _;

use crate::bench::Bench;
use crate::machine::{Machine, file_system};

/// One workload's result.
#[derive(Debug)]
pub struct Section {
    title: String,
    control: &'static str,
    rows: Vec<[String; 4]>,
    notes: Vec<String>,
}

impl Section {
    /// A section whose last column is `control`.
    pub fn new(title: impl Into<String>, control: &'static str) -> Self {
        Self { title: title.into(), control, rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds a figure: what, the target or nothing, of the platform, of the control.
    pub fn row(&mut self, what: &str, target: &str, platform: impl Into<String>, control: impl Into<String>) {
        self.rows.push([what.to_owned(), target.to_owned(), platform.into(), control.into()]);
    }

    /// Adds a sentence below the figures.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    fn write(&self, text: &mut String) {
        let _ = write!(text, "\n### {}\n\n| what | target | stadtwarte | {} |\n|---|---|---|---|\n", self.title, self.control);
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        for note in &self.notes {
            let _ = write!(text, "\n{note}\n");
        }
    }
}

/// All results of a run.
#[derive(Debug)]
pub struct Report {
    head: String,
    sections: Vec<Section>,
}

impl Report {
    /// A report that says what was measured, and on what.
    ///
    /// # Errors
    /// When the machine cannot be described.
    pub fn new(bench: &Bench) -> anyhow::Result<Self> {
        let (machine, options) = (Machine::look()?, &bench.options);
        let build = if cfg!(debug_assertions) { "development build: these are no figures to publish" } else { "release build" };
        let mut head = format!("## Result of commit {}\n\n| | |\n|---|---|\n", options.commit);
        for (what, value) in [
            ("command", command(bench)),
            ("build", build.to_owned()),
            ("CPU", format!("{}, {} cores, generator and control on the same", machine.cpu, machine.cores)),
            ("memory", format!("{} GiB", machine.memory_gib)),
            ("file system", file_system(bench.root())?),
            ("kernel, compiler", format!("{}, {}", machine.kernel, options.rustc)),
        ] {
            let _ = writeln!(head, "| {what} | {value} |");
        }
        head.push_str(
            "\nFigures are the median and, in parentheses, the range of repeated measurements, platform and control in turn (ABBA).\n",
        );
        Ok(Self { head, sections: Vec::new() })
    }

    /// Adds the result of a workload.
    pub fn add(&mut self, section: Section) {
        self.sections.push(section);
    }

    /// The whole text.
    pub fn to_markdown(&self) -> String {
        let mut text = self.head.clone();
        for section in &self.sections {
            section.write(&mut text);
        }
        text
    }
}

/// The command without the folders of this machine.
fn command(bench: &Bench) -> String {
    let options = &bench.options;
    let name = options.binary.file_name().unwrap_or_default().to_string_lossy();
    let mut command = format!("`benches/run {name}");
    if options.quick {
        command.push_str(" --quick");
    } else {
        let _ = write!(command, " --repeats {}", options.repeats);
    }
    let only: Vec<String> = options.only.iter().map(|workload| format!("{workload:?}").to_lowercase()).collect();
    if !only.is_empty() {
        let _ = write!(command, " --only {}", only.join(","));
    }
    command + "`"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_a_table_and_its_notes() {
        let mut section = Section::new("Ingest", "Mosquitto");
        section.row("rate", "5,000/s", "a", "b");
        section.note("Said below.");
        let mut text = String::new();
        section.write(&mut text);
        let table = "| what | target | stadtwarte | Mosquitto |\n|---|---|---|---|\n| rate | 5,000/s | a | b |\n";
        assert_eq!(text, format!("\n### Ingest\n\n{table}\nSaid below.\n"));
    }
}
