//! The platform's HTTP doors as a client sees them.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use datafusion::arrow::array::RecordBatch;
use serde_json::{Value, json};

use crate::arrow_answer;

/// A client of one platform, optionally with a key.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    base: String,
    key: Option<String>,
}

impl Http {
    /// A client without a key.
    ///
    /// # Errors
    /// When the client cannot be built.
    pub fn new(address: SocketAddr) -> anyhow::Result<Self> {
        // The platform is on this machine, whatever proxy the environment names.
        let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;
        Ok(Self { client, base: format!("http://{address}"), key: None })
    }

    /// The same with a key.
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self.clone() }
    }

    /// A GET request whose answer has not been read.
    ///
    /// # Errors
    /// When there is no answer or none of success.
    pub async fn open(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        let request = self.client.get(format!("{}{path}", self.base));
        Ok(self.authorised(request).send().await?.error_for_status()?)
    }

    /// A GET request for JSON.
    ///
    /// # Errors
    /// As [`Self::open`], and when it is no JSON.
    pub async fn json(&self, path: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(&self.open(path).await?.bytes().await?)?)
    }

    /// The answer to an SQL query, as bytes of `format`.
    ///
    /// # Errors
    /// When the query fails; with the platform's words.
    pub async fn sql(&self, query: &str, format: &str) -> anyhow::Result<Vec<u8>> {
        let body = json!({ "query": query, "format": format });
        let request = self.client.post(format!("{}/api/v1/sql", self.base)).json(&body);
        let response = self.authorised(request).send().await.with_context(|| query.to_owned())?;
        let status = response.status();
        let bytes = response.bytes().await.with_context(|| query.to_owned())?;
        ensure!(status.is_success(), "{query}: {status}: {}", String::from_utf8_lossy(&bytes));
        Ok(bytes.into())
    }

    /// The rows of a query as JSON objects.
    ///
    /// # Errors
    /// As [`Self::sql`].
    pub async fn rows(&self, query: &str) -> anyhow::Result<Vec<Value>> {
        Ok(serde_json::from_slice(&self.sql(query, "json").await?)?)
    }

    /// The one number of a query.
    ///
    /// # Errors
    /// As [`Self::sql`], and when the answer is anything else.
    pub async fn number(&self, query: &str) -> anyhow::Result<i64> {
        let rows = self.rows(query).await?;
        let cell = rows.first().and_then(Value::as_object).and_then(|row| row.values().next()).and_then(Value::as_i64);
        cell.with_context(|| format!("{query}: expected one number, found {rows:?}"))
    }

    /// The answer to a query as Arrow batches.
    ///
    /// # Errors
    /// As [`Self::sql`].
    pub async fn arrow(&self, query: &str) -> anyhow::Result<Vec<RecordBatch>> {
        arrow_answer::read(&self.sql(query, "arrow").await?)
    }

    fn authorised(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }
}
