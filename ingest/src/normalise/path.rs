//! Paths into a decoded object, and the tree of all paths of a profile.
//!
//! | path | finds |
//! |---|---|
//! | `temperature` | the member of that name, case as in the object |
//! | `air.temperature`, `sensors[0].temp`, `sensors.0.temp` | nested members; elements of lists by index from 0 |
//! | `"PM2.5"`, `data."PM2.5"` | a name with a dot in it, quoted |
//! | `line_*_total_in`, `sensors[*].temp` | one `*` per name stands for anything; a channel `*` repeats what it stood for |

use std::collections::HashMap;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The field of this index.
    Field(usize),
    Latitude,
    Longitude,
    Height,
    /// Known and no reading, with everything below it.
    Ignored,
}

/// The paths of a profile as a tree, one level per name.
#[derive(Debug, Clone, Default)]
pub(super) struct PathTree {
    named: HashMap<String, PathTree>,
    patterns: Vec<Pattern>,
    pub(super) targets: Vec<Target>,
}

#[derive(Debug, Clone)]
struct Pattern {
    before: String,
    after: String,
    tree: PathTree,
}

impl PathTree {
    /// Adds a path. The error says what is wrong with it.
    pub(super) fn insert(&mut self, path: &str, target: Target) -> Result<(), String> {
        let mut tree = self;
        for name in parse(path)? {
            tree = tree.child_mut(&name)?;
        }
        tree.targets.push(target);
        Ok(())
    }

    fn child_mut(&mut self, name: &Name) -> Result<&mut Self, String> {
        let (before, after) = match name {
            Name::Quoted(name) => return Ok(self.named.entry(name.clone()).or_default()),
            Name::Bare(name) => match name.split_once('*') {
                None => return Ok(self.named.entry(name.clone()).or_default()),
                Some((_, after)) if after.contains('*') => return Err(format!("`{name}` has more than one `*`")),
                Some(parts) => parts,
            },
        };
        let index = self.patterns.iter().position(|pattern| pattern.before == before && pattern.after == after).unwrap_or_else(|| {
            self.patterns.push(Pattern { before: before.to_owned(), after: after.to_owned(), tree: Self::default() });
            self.patterns.len() - 1
        });
        Ok(&mut self.patterns[index].tree)
    }

    /// The targets at a path without `*`, and what the stars on the way there stood for.
    pub(super) fn find(&self, path: &str) -> Option<(&[Target], Vec<String>)> {
        let (mut tree, mut stars) = (self, Vec::new());
        for name in parse(path).ok()? {
            let (Name::Bare(name) | Name::Quoted(name)) = name;
            let (below, star) = tree.child(&name)?;
            stars.extend(star.map(str::to_owned));
            tree = below;
        }
        Some((&tree.targets, stars))
    }

    /// Whether no path goes on from here.
    pub(super) fn is_leaf(&self) -> bool {
        self.named.is_empty() && self.patterns.is_empty()
    }

    /// The tree below `name`, and what a `*` stood for. A name that is listed as such is preferred to a pattern.
    pub(super) fn child<'t, 'n>(&'t self, name: &'n str) -> Option<(&'t Self, Option<&'n str>)> {
        if let Some(tree) = self.named.get(name) {
            return Some((tree, None));
        }
        self.patterns.iter().find_map(|pattern| {
            let star = name.strip_prefix(pattern.before.as_str())?.strip_suffix(pattern.after.as_str())?;
            (!star.is_empty()).then_some((&pattern.tree, Some(star)))
        })
    }
}

enum Name {
    Bare(String),
    Quoted(String),
}

fn parse(path: &str) -> Result<Vec<Name>, String> {
    let wrong = || format!("`{path}` is not a path such as `temperature`, `air.temperature` or `sensors[0].temp`");
    let mut names = Vec::new();
    let mut rest = path;
    loop {
        let (name, after) = if let Some(quoted) = rest.strip_prefix('"') {
            let (name, after) = quoted.split_once('"').ok_or_else(wrong)?;
            (Name::Quoted(name.to_owned()), after)
        } else {
            let (name, after) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
            if name.is_empty() {
                return Err(wrong());
            }
            (Name::Bare(name.to_owned()), after)
        };
        names.push(name);
        rest = indexes(after, &mut names).ok_or_else(wrong)?;
        match rest.strip_prefix('.') {
            Some(next) => rest = next,
            None if rest.is_empty() => return Ok(names),
            None => return Err(wrong()),
        }
    }
}

/// Takes `[0][*]` from the front.
fn indexes<'p>(mut rest: &'p str, names: &mut Vec<Name>) -> Option<&'p str> {
    while let Some(inner) = rest.strip_prefix('[') {
        let (index, after) = inner.split_once(']')?;
        if index != "*" && index.parse::<u16>().is_err() {
            return None;
        }
        names.push(Name::Bare(index.to_owned()));
        rest = after;
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_paths_lead_to_their_targets() {
        for (path, place, star) in [
            ("temperature", "temperature", None),
            ("air.temperature", "air.temperature", None),
            ("sensors[0].temp", "sensors.0.temp", None),
            ("sensors.0.temp", "sensors[0].temp", None),
            ("a[0][1]", "a.0.1", None),
            ("data.\"PM2.5\"", "data.\"PM2.5\"", None),
            ("line_*_total_in", "line_2_total_in", Some("2")),
            ("sensors[*].temp", "sensors[7].temp", Some("7")),
        ] {
            let mut tree = PathTree::default();
            tree.insert(path, Target::Field(3)).unwrap();
            let stars: Vec<String> = star.into_iter().map(str::to_owned).collect();
            assert_eq!(tree.find(place), Some((&[Target::Field(3)][..], stars)), "{path}");
            assert_eq!(tree.find("other"), None);
        }
    }

    #[test]
    fn a_listed_name_is_preferred_to_a_pattern() {
        let mut tree = PathTree::default();
        tree.insert("temp_*", Target::Field(0)).unwrap();
        tree.insert("temp_max", Target::Ignored).unwrap();
        assert_eq!(tree.find("temp_max").unwrap().0, [Target::Ignored]);
        assert_eq!(tree.find("temp_1").unwrap().0, [Target::Field(0)]);
    }

    #[test]
    fn err_what_is_no_path() {
        for path in ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[0", "a]b[", "\"a", "a[0]b", "*_*"] {
            assert!(PathTree::default().insert(path, Target::Ignored).is_err(), "{path}");
        }
    }
}
