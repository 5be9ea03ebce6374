//! Which of several formats a client wants (RFC 9110, section 12.5.1).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// The best of `offered` media types for the client's `Accept`, as its index; the first without any wish; `None` when it accepts none.
pub(crate) fn preferred(headers: &HeaderMap, offered: &[&str]) -> Option<usize> {
    let values: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let ranges: Vec<Range<'_>> = values.iter().flat_map(|value| value.split(',')).filter_map(Range::parse).collect();
    if ranges.is_empty() {
        return Some(0);
    }
    let mut best = None;
    for (index, media_type) in offered.iter().enumerate() {
        let weight = weight_of(media_type, &ranges);
        // Only a greater weight wins, so that equals go by the order of the offer.
        if weight > best.map_or(0.0, |(_, weight)| weight) {
            best = Some((index, weight));
        }
    }
    best.map(|(index, _)| index)
}

/// What the most specific matching range says.
fn weight_of(media_type: &str, ranges: &[Range<'_>]) -> f32 {
    let matching = ranges.iter().filter_map(|range| Some((range.specificity(media_type)?, range.weight)));
    matching.max_by_key(|(specificity, _)| *specificity).map_or(0.0, |(_, weight)| weight)
}

struct Range<'a> {
    media_type: &'a str,
    weight: f32,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let media_type = parts.next().filter(|media_type| media_type.contains('/'))?;
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |weight| weight.parse().ok());
        Some(Self { media_type, weight: weight.unwrap_or(0.0_f32).clamp(0.0, 1.0) })
    }

    fn specificity(&self, media_type: &str) -> Option<u8> {
        let kind = |text: &str| text.split('/').next().unwrap_or_default().to_ascii_lowercase();
        if self.media_type == "*/*" {
            Some(0)
        } else if self.media_type.ends_with("/*") {
            (kind(self.media_type) == kind(media_type)).then_some(1)
        } else {
            self.media_type.eq_ignore_ascii_case(media_type).then_some(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_that_the_client_likes_best_is_chosen() {
        let offered = ["application/json", "text/csv"];
        for (accept, expected) in [
            ("", Some(0)),
            ("*/*", Some(0)),
            ("text/csv", Some(1)),
            ("TEXT/CSV", Some(1)),
            ("text/*", Some(1)),
            ("text/csv;q=0.5, application/json", Some(0)),
            ("application/json;q=0.1, text/csv;q=0.2", Some(1)),
            ("text/csv;q=0, */*", Some(0)),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Some(0)),
            ("image/png", None),
            ("application/json;q=0", None),
            ("text/csv;q=nonsense", None),
            ("nonsense", Some(0)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(preferred(&headers, &offered), expected, "{accept}");
        }
    }
}
