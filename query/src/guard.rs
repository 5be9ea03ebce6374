//! What may be run at all: one statement that reads.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, WindowFunctionDefinition};
use datafusion::prelude::SQLOptions;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast;
use stadtwarte_model::Role;

use crate::error::Error;
use crate::references;

/// Refuses what is too long to be looked at.
///
/// # Errors
/// `Invalid` with the limit.
pub(crate) fn check_length(sql: &str, max_bytes: usize) -> Result<(), Error> {
    if sql.len() > max_bytes {
        return Err(Error::Invalid(format!("the SQL text has {} bytes, the most allowed is {max_bytes}", sql.len())));
    }
    Ok(())
}

/// Accepts the text of a single query, or of an `EXPLAIN` of one for those who may see file names.
///
/// # Errors
/// `Invalid` when it is no SQL; `Refused` when it is more or other than one query.
pub(crate) fn check_text(sql: &str, role: Role) -> Result<(), Error> {
    references::check_words(sql)?;
    let mut statements = DFParser::parse_sql(sql)?;
    let statement = match (statements.pop_front(), statements.is_empty()) {
        (Some(statement), true) => statement,
        (None, _) => return Err(Error::Invalid("there is no SQL statement".to_owned())),
        (Some(_), false) => return Err(Error::Refused("only one statement at a time is run".to_owned())),
    };
    match &statement {
        Statement::Statement(statement) if matches!(**statement, ast::Statement::Query(_)) => references::check(statement),
        Statement::Explain(explain) if role.sees_devices() => match &*explain.statement {
            Statement::Statement(statement) if matches!(**statement, ast::Statement::Query(_)) => references::check(statement),
            _ => Err(Error::Refused("only SELECT queries are explained".to_owned())),
        },
        _ => Err(Error::Refused("only SELECT queries are run; nothing can be changed through SQL".to_owned())),
    }
}

/// Aggregates that a window moves along without starting anew for each row or keeping a list for each.
const MOVING: [&str; 15] = [
    "avg",
    "bool_and",
    "bool_or",
    "count",
    "first_value",
    "last_value",
    "max",
    "min",
    "nth_value",
    "stddev",
    "stddev_pop",
    "sum",
    "var",
    "var_pop",
    "covar_samp",
];

/// The second look, at the plan: nothing in it may write or change settings, and no window may take the square of its rows.
pub(crate) fn check_plan(plan: &LogicalPlan) -> Result<(), Error> {
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    options.verify_plan(plan).map_err(|error| Error::Refused(error.strip_backtrace()))?;
    let mut refused = None;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Window(window) = node {
            refused = refused.take().or_else(|| window.window_expr.iter().find_map(not_moving));
        }
        Ok(if refused.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    refused.map_or(Ok(()), |name| Err(Error::Refused(format!("`{name}` cannot be used with OVER; possible are {}", MOVING.join(", ")))))
}

fn not_moving(expr: &Expr) -> Option<String> {
    let mut refused = None;
    // Walking an expression in memory does not fail.
    let _ = expr.apply(|part| {
        if let Expr::WindowFunction(call) = part
            && let WindowFunctionDefinition::AggregateUDF(function) = &call.fun
            && !MOVING.contains(&function.name())
        {
            refused = Some(function.name().to_owned());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind::{Invalid, Refused};

    #[test]
    fn only_single_queries_pass() {
        let check = |sql: &str| check_text(sql, Role::Public).map_err(|error| error.kind());
        for sql in ["SELECT 1", "select 1;", "WITH a AS (SELECT 1) SELECT * FROM a", "VALUES (1)", "-- note\nSELECT 1"] {
            assert_eq!(check(sql), Ok(()), "{sql}");
        }
        for (sql, kind) in [
            ("", Invalid),
            ("SELEC 1", Invalid),
            ("SELECT 1; SELECT 2", Refused),
            ("SELECT 1; DROP TABLE things", Refused),
            ("DROP TABLE things", Refused),
            ("INSERT INTO things VALUES (1)", Refused),
            ("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'", Refused),
            ("COPY things TO '/tmp/x'", Refused),
            ("SET datafusion.runtime.memory_limit = '999G'", Refused),
            ("CREATE VIEW v AS SELECT 1", Refused),
            ("EXPLAIN SELECT 1", Refused),
            ("SHOW TABLES", Refused),
        ] {
            assert_eq!(check(sql), Err(kind), "{sql}");
        }
        assert!(check_text("EXPLAIN SELECT 1", Role::Operator).is_ok());
        assert!(check_length("SELECT 1", 8).is_ok());
        assert!(check_length("SELECT 10", 8).is_err());
    }
}
