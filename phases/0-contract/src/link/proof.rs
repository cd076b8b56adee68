//! How a node shows that it knows the cookie, which never travels: it answers a challenge that nobody has seen before.

use std::hash::{BuildHasher, RandomState};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::forward::Peer;

/// Bytes that a node makes up for one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge(pub [u8; 32]);

/// What only a node of the cluster can make of a challenge: HMAC-SHA256 with the cookie as its key.
#[derive(Debug, Clone, Copy)]
pub struct Proof(pub [u8; 32]);

impl Challenge {
    /// One that nobody can foresee: the standard library's random keys, hashed.
    pub fn random() -> Self {
        let mut bytes = [0; 32];
        for part in bytes.chunks_exact_mut(8) {
            part.copy_from_slice(&RandomState::new().hash_one(0).to_be_bytes());
        }
        Self(bytes)
    }

    /// The answer of `prover`, a node of `cluster`, to this challenge by `verifier`. It names both, so that an answer cannot be used
    /// for another link, or sent back to who gave it.
    pub fn answer(&self, cluster: &str, cookie: &str, prover: &Peer, verifier: &Peer) -> Proof {
        Proof(self.mac(cluster, cookie, prover, verifier).finalize().into_bytes().into())
    }

    /// Whether this is that answer. Takes a time that tells nothing about how much of it is right.
    pub fn is_answered(&self, proof: &Proof, cluster: &str, cookie: &str, prover: &Peer, verifier: &Peer) -> bool {
        self.mac(cluster, cookie, prover, verifier).verify_slice(&proof.0).is_ok()
    }

    fn mac(&self, cluster: &str, cookie: &str, prover: &Peer, verifier: &Peer) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(cookie.as_bytes()).expect("HMAC takes keys of any length");
        for text in ["link", cluster, &prover.node.to_string(), &verifier.node.to_string()] {
            // With its length in front, no part can pass for the end of the one before it.
            mac.update(&(text.len() as u64).to_be_bytes());
            mac.update(text.as_bytes());
        }
        mac.update(&prover.incarnation.to_be_bytes());
        mac.update(&verifier.incarnation.to_be_bytes());
        mac.chain_update(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeId;

    fn peer(name: &str, incarnation: u64) -> Peer {
        Peer { node: NodeId::new(name), incarnation }
    }

    #[test]
    fn a_proof_holds_for_one_challenge_one_cookie_and_one_direction() {
        let (n1, n2, challenge) = (peer("n1", 1), peer("n2", 2), Challenge::random());
        let proof = challenge.answer("router", "secret", &n1, &n2);
        let holds = |challenge: &Challenge, cluster: &str, cookie: &str, prover: &Peer, verifier: &Peer| {
            challenge.is_answered(&proof, cluster, cookie, prover, verifier)
        };
        assert!(holds(&challenge, "router", "secret", &n1, &n2));
        assert!(!holds(&challenge, "router", "guess", &n1, &n2));
        assert!(!holds(&challenge, "other", "secret", &n1, &n2));
        assert!(!holds(&challenge, "router", "secret", &n2, &n1));
        assert!(!holds(&challenge, "router", "secret", &peer("n1", 2), &n2));
        assert!(!holds(&Challenge::random(), "router", "secret", &n1, &n2));
    }
}
