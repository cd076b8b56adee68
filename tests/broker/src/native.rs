//! What rdkafka's safe interface lacks: the one place of the project that calls C.
#![expect(unsafe_code, reason = "rdkafka has these functions in its bindings only")]

use std::ffi::CString;
use std::net::SocketAddr;

use rdkafka::bindings::{
    rd_kafka_handle_mock_cluster, rd_kafka_mock_broker_push_request_error_rtts, rd_kafka_mock_broker_set_host_port,
    rd_kafka_mock_cluster_t, rd_kafka_mock_group_initial_rebalance_delay_ms,
};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

/// Lets the first member of a group have its partitions at once, instead of after three seconds.
pub fn rebalance_at_once(owner: &BaseProducer) {
    if let Some(cluster) = cluster(owner) {
        // SAFETY: `cluster` is the live mock cluster of `owner`, which is borrowed; the function stores a number in it.
        unsafe { rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0) }
    }
}

/// Lets a broker of the cluster tell clients to come to `address`.
pub fn advertise(owner: &BaseProducer, broker: i32, address: SocketAddr) {
    let host = CString::new(address.ip().to_string()).unwrap_or_default();
    if let Some(cluster) = cluster(owner) {
        // SAFETY: as above; the host is copied before the call returns.
        unsafe { rd_kafka_mock_broker_set_host_port(cluster, broker, host.as_ptr(), i32::from(address.port())) }
    }
}

/// Holds back the answer to the next request of a kind that finds none held back before it, without an error.
pub fn hold_back(owner: &BaseProducer, broker: i32, api: RDKafkaApiKey, delay_ms: i32) {
    if let Some(cluster) = cluster(owner) {
        // SAFETY: as above; behind the count of 1 there is one pair of an error's code and milliseconds, each as wide as C's `int`.
        unsafe {
            let none = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR as i32;
            rd_kafka_mock_broker_push_request_error_rtts(cluster, broker, api as i16, 1, none, delay_ms);
        }
    }
}

/// The cluster that a client owns by its `test.mock.num.brokers`.
fn cluster(owner: &BaseProducer) -> Option<*mut rd_kafka_mock_cluster_t> {
    // SAFETY: the client's handle lives as long as `owner`, and the cluster as long as the handle.
    let cluster = unsafe { rd_kafka_handle_mock_cluster(owner.client().native_ptr()) };
    (!cluster.is_null()).then_some(cluster)
}
