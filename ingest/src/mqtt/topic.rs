//! Topic names and topic filters (MQTT 3.1.1 and 5, section 4.7).

/// A topic filter whose wildcards stand where the standard allows them.
///
/// Input: UTF-8 text, levels separated by `/`; `+` stands alone for one level, `#` alone as the last level for any number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicFilter(String);

/// A text that is no topic filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{filter}` is not a topic filter: {reason}")]
pub struct InvalidFilter {
    /// The text as it came.
    pub filter: String,
    /// The rule it breaks.
    pub reason: &'static str,
}

impl TopicFilter {
    /// Checks the syntax of a filter.
    ///
    /// # Errors
    /// [`InvalidFilter`] when it is empty, holds U+0000, is longer than 65,535 bytes, or has a misplaced wildcard.
    pub fn try_new(filter: impl Into<String>) -> Result<Self, InvalidFilter> {
        let filter = filter.into();
        match filter_mistake(&filter) {
            Some(reason) => Err(InvalidFilter { filter, reason }),
            None => Ok(Self(filter)),
        }
    }

    /// The filter as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a topic name falls under this filter. Wildcards in the first level do not match names that begin with `$`
    /// (section 4.7.2).
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        if topic.starts_with('$') && self.0.starts_with(['+', '#']) {
            return false;
        }
        let mut levels = topic.split('/');
        for wanted in self.0.split('/') {
            match (wanted, levels.next()) {
                // `a/#` also matches `a` itself: the multi-level wildcard includes the parent level.
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (wanted, Some(level)) if wanted == level => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }
}

fn filter_mistake(filter: &str) -> Option<&'static str> {
    if filter.is_empty() {
        return Some("it is empty");
    }
    if filter.len() > usize::from(u16::MAX) {
        return Some("it is longer than 65535 bytes");
    }
    if filter.contains('\0') {
        return Some("it holds the character U+0000");
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        if level.contains('#') && (level != "#" || levels.peek().is_some()) {
            return Some("`#` must stand alone as the last level");
        }
        if level.contains('+') && level != "+" {
            return Some("`+` must stand alone in its level");
        }
    }
    None
}

/// Whether a text may stand as the topic of a PUBLISH: not empty, no wildcards, no U+0000 (sections 3.3.2.1 and 4.7.3).
pub(crate) fn is_topic_name(topic: &str) -> bool {
    !topic.is_empty() && !topic.contains(['+', '#', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_filters_match_as_the_standard_says() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/b/c", false),
            ("a/+", "a/b", true),
            ("a/+", "a", false),
            ("a/+/c", "a//c", true),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("#", "a/b", true),
            ("#", "$SYS/broker", false),
            ("+/broker", "$SYS/broker", false),
            ("$SYS/#", "$SYS/broker", true),
            ("+", "a", true),
            ("/+", "/a", true),
            ("+", "/a", false),
        ] {
            assert_eq!(TopicFilter::try_new(filter).unwrap().matches(topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn err_filters_with_misplaced_wildcards() {
        for filter in ["", "a/#/b", "a#", "a/b+", "+a/b", "a/\0", "##"] {
            assert!(TopicFilter::try_new(filter).is_err(), "{filter:?}");
        }
    }

    #[test]
    fn err_topic_names_with_wildcards_or_nothing_in_them() {
        for topic in ["", "a/+", "#", "a\0b"] {
            assert!(!is_topic_name(topic), "{topic:?}");
        }
        assert!(is_topic_name("application/a/device/b/event/up"));
    }
}
