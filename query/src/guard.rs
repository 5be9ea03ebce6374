//! What may be run at all: one statement that reads.

use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SQLOptions;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast;
use stadtwarte_model::Role;

use crate::error::Error;

/// Accepts the text of a single query, or of an `EXPLAIN` of one for those who may see file names.
///
/// # Errors
/// `Invalid` when it is no SQL; `Refused` when it is more or other than one query.
pub(crate) fn check_text(sql: &str, role: Role, max_bytes: usize) -> Result<(), Error> {
    if sql.len() > max_bytes {
        return Err(Error::Invalid(format!("the SQL text has {} bytes, the most allowed is {max_bytes}", sql.len())));
    }
    let mut statements = DFParser::parse_sql(sql)?;
    let statement = match (statements.pop_front(), statements.is_empty()) {
        (Some(statement), true) => statement,
        (None, _) => return Err(Error::Invalid("there is no SQL statement".to_owned())),
        (Some(_), false) => return Err(Error::Refused("only one statement at a time is run".to_owned())),
    };
    match &statement {
        Statement::Statement(statement) if matches!(**statement, ast::Statement::Query(_)) => Ok(()),
        Statement::Explain(_) if role.sees_devices() => Ok(()),
        _ => Err(Error::Refused("only SELECT queries are run; nothing can be changed through SQL".to_owned())),
    }
}

/// The second look, at the plan: nothing in it may write or change settings.
pub(crate) fn check_plan(plan: &LogicalPlan) -> Result<(), Error> {
    let options = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    options.verify_plan(plan).map_err(|error| Error::Refused(error.strip_backtrace()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_single_queries_pass() {
        let check = |sql: &str| check_text(sql, Role::Public, 1000).map_err(|error| error.kind());
        for sql in ["SELECT 1", "select 1;", "WITH a AS (SELECT 1) SELECT * FROM a", "VALUES (1)", "-- note\nSELECT 1"] {
            assert_eq!(check(sql), Ok(()), "{sql}");
        }
        use crate::error::ErrorKind::{Invalid, Refused};
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
        assert!(check_text("EXPLAIN SELECT 1", Role::Operator, 1000).is_ok());
        assert!(check(&format!("SELECT '{}'", "x".repeat(1000))).is_err());
    }
}
