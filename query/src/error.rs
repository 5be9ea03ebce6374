//! What can go wrong with a question, and whose doing it is.

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;

use crate::calls::TooMuchWork;

/// Whose doing an error is; a door chooses its status by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The question is wrong: syntax, names, types, values.
    Invalid,
    /// The question is not allowed on any terms: writing, reading files, several statements.
    Refused,
    /// The answer needs more time, memory or rows than the caller may use.
    TooExpensive,
    /// Too many questions at once; the same one may succeed later.
    Busy,
    /// Our own doing.
    Internal,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The SQL text or a parameter is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The statement is of a kind that is never run.
    #[error("{0}")]
    Refused(String),
    /// The time limit was reached.
    #[error("the query took longer than {seconds} s; narrow it down, for example by time or property")]
    Timeout {
        /// The limit.
        seconds: u64,
    },
    /// The memory or disk limit was reached.
    #[error("the query needs more memory than it may use; narrow it down, for example by time or property")]
    Memory,
    /// One row alone would take too long.
    #[error("{0}; use shorter ones")]
    TooMuchWork(String),
    /// More rows than the caller may have.
    #[error("the answer has more than {max_rows} rows; use LIMIT, or narrow it down, for example by time or property")]
    TooManyRows {
        /// The limit.
        max_rows: usize,
    },
    /// Planning alone would take too much.
    #[error("the query is too complex; use fewer columns, conditions, tables or nested parts")]
    TooComplex,
    /// Too many queries run already.
    #[error("too many queries are running; try again in a moment")]
    Busy,
    /// The query ended without a word, by a panic say.
    #[error("the query broke off")]
    Broken,
    /// The query engine failed.
    #[error("the query failed")]
    Engine(#[source] Box<DataFusionError>),
    /// More cells, or wider ones, than anybody reads in a drawn table.
    #[error("the answer is too long or too wide for a readable table; use LIMIT, or another format such as csv")]
    TooLongForTable,
    /// The answer has columns or values that the wanted format does not know. All formats are written to memory, which does not fail.
    #[error("the answer cannot be written in this format: {0}")]
    Output(String),
}

impl Error {
    /// Whose doing it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid(_) | Self::Output(_) => ErrorKind::Invalid,
            Self::Refused(_) => ErrorKind::Refused,
            Self::Timeout { .. }
            | Self::Memory
            | Self::TooComplex
            | Self::TooMuchWork(_)
            | Self::TooManyRows { .. }
            | Self::TooLongForTable => ErrorKind::TooExpensive,
            Self::Busy => ErrorKind::Busy,
            Self::Broken | Self::Engine(_) => ErrorKind::Internal,
        }
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => Self::Memory,
            DataFusionError::SQL(..) | DataFusionError::Plan(_) | DataFusionError::SchemaError(..) | DataFusionError::NotImplemented(_) => {
                Self::Invalid(readable(error.find_root()))
            }
            // Division by zero, a cast that does not fit, a malformed literal: the data or the question, not the engine.
            DataFusionError::ArrowError(arrow, _) if is_of_values(arrow) => Self::Invalid(arrow.to_string()),
            DataFusionError::External(error) if error.is::<TooMuchWork>() => Self::TooMuchWork(error.to_string()),
            // Only the functions on geometries and geohashes report this way.
            DataFusionError::External(error) => Self::Invalid(format!("a geometry cannot be read: {error}")),
            DataFusionError::Execution(message) => Self::Invalid(message.clone()),
            _ => Self::Engine(Box::new(error)),
        }
    }
}

/// Whether values are the trouble. Anything else may tell of files.
fn is_of_values(error: &ArrowError) -> bool {
    matches!(
        error,
        ArrowError::CastError(_)
            | ArrowError::ComputeError(_)
            | ArrowError::DivideByZero
            | ArrowError::ArithmeticOverflow(_)
            | ArrowError::InvalidArgumentError(_)
            | ArrowError::ParseError(_)
            | ArrowError::SchemaError(_)
            | ArrowError::NotYetImplemented(_)
            | ArrowError::OffsetOverflowError(_)
    )
}

/// The message without the engine's own prefixes and without its list of every valid field, which would be long and, for joins with
/// the registry, confusing.
fn readable(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    let text = ["Error during planning: ", "SQL error: ", "Schema error: ", "This feature is not implemented: "]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(&text);
    text.replace("datafusion.public.", "").replace("ParserError(\"", "").trim_end_matches("\")").to_owned()
}
