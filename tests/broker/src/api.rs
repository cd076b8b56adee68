//! The control routes: HTTP and JSON, on loopback.

use std::sync::Arc;

use anyhow::Result;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::broker::{Broker, Faults};
use crate::client::MOST_BYTES;
use crate::error::BrokerError;
use crate::records::NewRecord;

type Shared = State<Arc<Broker>>;
type Body<T> = Result<Json<T>, JsonRejection>;

/// Serves until an accept fails.
pub async fn serve(listener: TcpListener, broker: Arc<Broker>) -> Result<()> {
    let routes = routes(broker);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream, routes.clone()));
    }
}

async fn connection(stream: TcpStream, routes: Router) {
    // A client that has gone needs neither answer nor speed.
    let _ = stream.set_nodelay(true);
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes)).await;
}

fn routes(broker: Arc<Broker>) -> Router {
    Router::new()
        .route("/topics", get(topics))
        .route("/topics/{topic}", put(create_topic).delete(delete_topic))
        .route("/topics/{topic}/records", post(produce).get(records))
        .route("/groups/{group}/offsets", get(offsets))
        .route("/faults", post(faults))
        .fallback(no_route)
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(broker)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTopic {
    partitions: i32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRecords {
    records: Vec<NewRecord>,
}

async fn topics(State(broker): Shared) -> Result<Json<Value>, BrokerError> {
    Ok(Json(json!({"topics": broker.topics().await?})))
}

async fn create_topic(
    State(broker): Shared,
    Path(topic): Path<String>,
    body: Body<NewTopic>,
) -> Result<StatusCode, BrokerError> {
    broker.create_topic(&topic, read(body)?.partitions).await?;
    Ok(StatusCode::CREATED)
}

async fn delete_topic(State(broker): Shared, Path(topic): Path<String>) -> Result<StatusCode, BrokerError> {
    broker.delete_topic(&topic).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn produce(
    State(broker): Shared,
    Path(topic): Path<String>,
    body: Body<NewRecords>,
) -> Result<Json<Value>, BrokerError> {
    let records: Vec<_> = read(body)?.records.into_iter().map(NewRecord::filled).collect();
    // A task of its own: a caller that hangs up does not leave the ledger with records that nobody settles.
    let produced = tokio::spawn(async move { broker.produce(&topic, &records).await }).await;
    let places = produced.unwrap_or_else(|error| Err(BrokerError::Unavailable(error.to_string())))?;
    Ok(Json(json!({"records": places})))
}

async fn records(
    State(broker): Shared,
    Path(topic): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, BrokerError> {
    let from = parameter(query.as_deref(), "from").unwrap_or("0");
    let offset = from.parse().ok().filter(|offset| *offset >= 0);
    let from = offset.ok_or_else(|| BrokerError::Malformed(format!("`{from}` is no offset")))?;
    Ok(Json(json!({"records": broker.records(topic, from).await?})))
}

async fn offsets(
    State(broker): Shared,
    Path(group): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, BrokerError> {
    let topic = parameter(query.as_deref(), "topic");
    let topic = topic.ok_or_else(|| BrokerError::Malformed(String::from("which topic? ?topic=NAME")))?.to_owned();
    Ok(Json(json!({"offsets": broker.progress(group, topic).await?})))
}

async fn faults(State(broker): Shared, body: Body<Faults>) -> Result<Json<Value>, BrokerError> {
    broker.fault(&read(body)?).await?;
    Ok(Json(json!({})))
}

async fn no_route() -> (StatusCode, Json<Value>) {
    let error = json!({"error": {"code": "not_found", "message": "no such route", "retry": false}});
    (StatusCode::NOT_FOUND, Json(error))
}

fn read<T>(body: Body<T>) -> Result<T, BrokerError> {
    body.map(|Json(body)| body).map_err(|error| BrokerError::Malformed(error.body_text()))
}

/// A parameter's value as it stands: neither offsets nor names of topics have anything to decode.
fn parameter<'a>(query: Option<&'a str>, name: &str) -> Option<&'a str> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(found, _)| *found == name).map(|(_, value)| value)
}
