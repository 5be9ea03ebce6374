//! How large a query becomes once its named parts are put where they are named.
//!
//! The engine copies each `WITH` to every place that names it: twenty that each name the one before twice are a million. So it is counted
//! on the text, before there is any plan.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, ObjectName, Query, Statement, Visit, Visitor};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::Error;

/// The most tables that a query may read, each as often as it is read.
const MAX_TABLES: usize = 500;
/// The most words and operators of a query; lists of constants are free.
const MAX_WORDS: usize = 4000;
/// The most operators among them: planning `a + a + a` takes the square of its length.
const MAX_OPERATORS: usize = 1000;
/// The most sets that rows are grouped by: `CUBE` of thirty columns means a thousand million, and each is planned.
const MAX_GROUPING_SETS: usize = 64;

/// Refuses texts whose plan would be too large to be made.
///
/// # Errors
/// `TooComplex`.
pub(crate) fn check(statement: &Statement) -> Result<(), Error> {
    let mut count = Count { open: vec![0], grouping_sets: 1, ..Count::default() };
    let _: ControlFlow<()> = statement.visit(&mut count);
    let is_small = count.open.first().is_some_and(|tables| *tables <= MAX_TABLES) && count.grouping_sets <= MAX_GROUPING_SETS;
    if is_small { Ok(()) } else { Err(Error::TooComplex) }
}

/// Refuses texts with too many parts.
///
/// # Errors
/// `TooComplex`. What is no SQL passes: the parser explains it better.
pub(crate) fn check_words(sql: &str) -> Result<(), Error> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().unwrap_or_default();
    let is_word = |token: &&Token| !matches!(token, Token::Whitespace(_) | Token::Comma | Token::Number(..) | Token::SingleQuotedString(_));
    let is_too_long =
        tokens.iter().filter(is_word).count() > MAX_WORDS || tokens.iter().filter(|token| is_operator(token)).count() > MAX_OPERATORS;
    if is_too_long { Err(Error::TooComplex) } else { Ok(()) }
}

fn is_operator(token: &Token) -> bool {
    match token {
        Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod | Token::StringConcat => true,
        Token::Word(word) => matches!(word.keyword, Keyword::AND | Keyword::OR),
        _ => false,
    }
}

#[derive(Default)]
struct Count {
    /// The tables that each named part reads.
    named: HashMap<String, usize>,
    /// Which names the queries of `WITH` have, by where they are in memory.
    names: HashMap<usize, String>,
    /// The tables counted so far in each query that is not finished.
    open: Vec<usize>,
    /// The sets that rows are grouped by, if all were combined.
    grouping_sets: usize,
}

impl Count {
    fn add(&mut self, tables: usize) {
        if let Some(open) = self.open.last_mut() {
            *open = open.saturating_add(tables);
        }
    }
}

/// Names are compared without regard to case: too many tables are counted rather than too few.
fn name_of(text: &str) -> String {
    text.to_lowercase()
}

impl Visitor for Count {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for part in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.names.insert(std::ptr::from_ref(&*part.query).addr(), name_of(&part.alias.name.value));
        }
        self.open.push(0);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = self.open.pop().unwrap_or(0);
        match self.names.remove(&std::ptr::from_ref(query).addr()) {
            Some(name) => {
                let known = self.named.entry(name).or_default();
                *known = tables.max(*known);
            }
            None => self.add(tables),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let sets = match expr {
            Expr::Cube(columns) => 1_usize.checked_shl(u32::try_from(columns.len()).unwrap_or(u32::MAX)).unwrap_or(usize::MAX),
            Expr::Rollup(columns) => columns.len() + 1,
            Expr::GroupingSets(sets) => sets.len(),
            _ => 1,
        };
        self.grouping_sets = self.grouping_sets.saturating_mul(sets.max(1));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let named = self.named.get(&name_of(&relation.to_string().replace('"', ""))).copied();
        self.add(named.unwrap_or(0).max(1));
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn passes(sql: &str) -> bool {
        check(&Parser::parse_sql(&GenericDialect {}, sql).unwrap()[0]).is_ok()
    }

    fn doubling(levels: usize, first: &str) -> String {
        let parts = (1..=levels).map(|level| format!(", c{level} AS (SELECT * FROM c{0} UNION ALL SELECT * FROM C{0})", level - 1));
        format!("WITH c0 AS ({first}){}", parts.collect::<Vec<_>>().concat())
    }

    #[test]
    fn parts_that_double_each_other_are_counted_as_often_as_they_are_read() {
        assert!(passes("SELECT * FROM a, b JOIN c ON true WHERE x IN (SELECT y FROM d)"));
        assert!(passes(&format!("{} SELECT * FROM c8", doubling(8, "SELECT * FROM a"))));
        assert!(!passes(&format!("{} SELECT * FROM c9", doubling(9, "SELECT * FROM a"))));
        assert!(!passes(&format!("{} SELECT * FROM \"c9\"", doubling(9, "SELECT * FROM a"))));
        assert!(!passes(&format!("SELECT * FROM ({} SELECT * FROM c9)", doubling(9, "SELECT * FROM a"))));
        let inner = doubling(5, "SELECT * FROM a");
        assert!(!passes(&format!("{} SELECT * FROM c5", doubling(5, &format!("{inner} SELECT * FROM c5")))));
    }

    #[test]
    fn grouping_sets_are_counted_as_combined() {
        assert!(passes("SELECT 1 FROM a GROUP BY CUBE(b, c, d), ROLLUP(e, f)"));
        assert!(passes("SELECT 1 FROM a GROUP BY GROUPING SETS ((b), (c, d), ())"));
        assert!(!passes("SELECT 1 FROM a GROUP BY CUBE(b, c, d, e, f, g, h)"));
        assert!(!passes("SELECT 1 FROM a GROUP BY x, ROLLUP(b, c, d), CUBE(e, f, g, h, i)"));
    }

    #[test]
    fn a_name_used_again_counts_as_the_larger_of_both() {
        let hidden = format!("{} SELECT (WITH c9 AS (SELECT 1) SELECT 1) FROM c9", doubling(9, "SELECT * FROM a"));
        assert!(!passes(&hidden));
    }

    #[test]
    fn words_and_operators_are_counted_but_not_constants() {
        let list = (0..10_000).map(|number| format!("{number},'x'")).collect::<Vec<_>>().join(", ");
        assert!(check_words(&format!("SELECT 1 IN ({list})")).is_ok());
        assert!(check_words(&format!("SELECT {}", vec!["1"; 1001].join(" + "))).is_ok());
        assert!(check_words(&format!("SELECT {}", vec!["1"; 1002].join(" + "))).is_err());
        assert!(check_words(&format!("SELECT {}", vec!["a"; 1002].join(" or "))).is_err());
        assert!(check_words(&format!("SELECT {}", vec!["a b"; 2000].join(", "))).is_err());
    }
}
