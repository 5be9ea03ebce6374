//! Patterns: regular expressions and `LIKE`.
//!
//! A short pattern can be a huge program (`(a{1000}){100}`), one from a column is a new program for every row, and a program that does not fit
//! the engine's cache takes a step per character and state. So patterns are constants, their programs are measured, and long texts are
//! searched in parts.

use std::sync::Arc;

use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::functions::regex::regexp_like;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Like, Operator, lit};
use regex::RegexBuilder;

use super::estimate::Growth;
use super::work::Work;

/// The longest pattern of `LIKE`.
const MAX_LIKE_CHARS: usize = 250;
/// The longest flags.
const MAX_FLAGS: usize = 8;
/// Bytes of a program, and what searching one byte of text with it weighs.
const SIZES: [(usize, u64); 4] = [(16 << 10, 64), (64 << 10, 256), (256 << 10, 1024), (1 << 20, 4096)];

/// Whether an operator looks for a regular expression.
pub(super) fn is_match(operator: Operator) -> bool {
    use Operator::{RegexIMatch, RegexMatch, RegexNotIMatch, RegexNotMatch};
    matches!(operator, RegexMatch | RegexIMatch | RegexNotMatch | RegexNotIMatch)
}

/// Whether it is true where nothing is found.
pub(super) fn is_negated(operator: Operator) -> bool {
    matches!(operator, Operator::RegexNotMatch | Operator::RegexNotIMatch)
}

/// `text ~ pattern` as a call of `regexp_like`, without the negation.
pub(super) fn matched(binary: &BinaryExpr) -> Result<(ScalarFunction, Work)> {
    let ignores_case = matches!(binary.op, Operator::RegexIMatch | Operator::RegexNotIMatch);
    like_regexp(&binary.left, &binary.right, ignores_case)
}

/// `text SIMILAR TO pattern` as a call of `regexp_like`, without the negation.
pub(super) fn similar(similar: &Like) -> Result<(ScalarFunction, Work)> {
    if similar.escape_char.is_some() {
        return plan_err!("SIMILAR TO has no ESCAPE here");
    }
    like_regexp(&similar.expr, &similar.pattern, similar.case_insensitive)
}

fn like_regexp(text: &Expr, pattern: &Expr, ignores_case: bool) -> Result<(ScalarFunction, Work)> {
    let mut args = vec![text.clone(), pattern.clone()];
    if ignores_case {
        args.push(lit("i"));
    }
    let call = ScalarFunction::new_udf(Arc::clone(&regexp_like()), args);
    let (_, work) = bounds_of(&call, Growth::Arguments)?;
    Ok((call, work))
}

/// What a call of a function of regular expressions makes and does; `growth` is what its rule says.
///
/// # Errors
/// `Plan` when the pattern is no constant, is malformed, or is too large.
pub(super) fn bounds_of(call: &ScalarFunction, growth: Growth) -> Result<(Growth, Work)> {
    let name = call.name();
    let Some(pattern) = call.args.get(1) else { return plan_err!("`{name}` needs a text and a pattern") };
    let Some(pattern) = constant_text(pattern) else { return plan_err!("the pattern of `{name}` must be a constant text") };
    let mut flags = "";
    let first_option = if name == "regexp_replace" { 3 } else { 2 };
    for option in call.args.iter().skip(first_option) {
        match option {
            Expr::Literal(ScalarValue::Utf8(Some(text)), _) => flags = text,
            Expr::Literal(..) => {}
            Expr::Negative(number) if matches!(**number, Expr::Literal(..)) => {}
            _ => return plan_err!("the options of `{name}` must be constants"),
        }
    }
    if flags.len() > MAX_FLAGS || !flags.chars().all(|flag| flag.is_ascii_alphabetic()) {
        return plan_err!("`{name}` has no flags `{flags}`");
    }
    let (weight, groups) = measured(name, pattern, flags)?;
    let growth = if matches!(growth, Growth::Captures { .. }) { Growth::Captures { groups } } else { growth };
    Ok((growth, Work::Pattern { weight }))
}

/// What searching one byte of text weighs, and how many groups there are.
fn measured(name: &str, pattern: &str, flags: &str) -> Result<(u64, u64)> {
    let known: String = flags.chars().filter(|flag| "imsuxRU".contains(*flag)).collect();
    let pattern = if known.is_empty() { pattern.to_owned() } else { format!("(?{known}){pattern}") };
    for (bytes, weight) in SIZES {
        match RegexBuilder::new(&pattern).size_limit(bytes).build() {
            Ok(compiled) => return Ok((weight, compiled.captures_len() as u64)),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(error) => return plan_err!("the pattern of `{name}` is no regular expression: {error}"),
        }
    }
    plan_err!("the pattern of `{name}` is too large; use fewer and smaller repetitions")
}

/// Accepts constant patterns that are not too long.
///
/// # Errors
/// `Plan`.
pub(super) fn check_like(like: &Like) -> Result<()> {
    match constant_text(&like.pattern) {
        None => plan_err!("the pattern of LIKE must be a constant text; contains, starts_with and ends_with compare with columns"),
        Some(pattern) if pattern.chars().count() > MAX_LIKE_CHARS => {
            plan_err!("a pattern of LIKE may have at most {MAX_LIKE_CHARS} characters")
        }
        Some(_) => Ok(()),
    }
}

/// The text of a constant; an empty one for null.
fn constant_text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(ScalarValue::Null, _) => Some(""),
        Expr::Literal(value, _) => value.try_as_str().map(Option::unwrap_or_default),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_weigh_what_their_programs_take() {
        let weight =
            |pattern: &str| measured("regexp_like", pattern, "").map(|(weight, _)| weight).map_err(|error| error.strip_backtrace());
        assert_eq!(weight("^air_(temperature|humidity)$"), Ok(64));
        assert!(weight(r"\w+@\w+\.\w{2,}").is_ok(), "as people write them");
        assert!(weight("(a{1,1000}){1,1000}").unwrap_err().contains("too large"));
        assert!(weight("(a").unwrap_err().contains("regular expression"));
    }

    #[test]
    fn flags_cannot_bring_a_pattern_of_their_own() {
        let call = |flags: &str| ScalarFunction::new_udf(regexp_like(), vec![lit("x"), lit("a"), lit(flags)]);
        assert!(bounds_of(&call("i"), Growth::Arguments).is_ok());
        assert!(bounds_of(&call("i)(a{1000}){1000}(?i"), Growth::Arguments).is_err());
    }
}
