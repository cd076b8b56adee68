//! JSON Web Tokens, signed by HS256, as a check needs them.

use std::time::{Duration, SystemTime};

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A token that says `user` and runs out at `expires`, signed with `key`.
pub fn token(key: &str, user: &str, expires: SystemTime) -> String {
    let since = expires.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let claims = serde_json::json!({"sub": user, "exp": since.as_secs_f64()}).to_string();
    signed(key, r#"{"alg":"HS256","typ":"JWT"}"#, &claims)
}

/// A token with this header and these claims, signed by HS256 whatever the header says.
pub fn signed(key: &str, header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", BASE64URL_NOPAD.encode(header.as_bytes()), BASE64URL_NOPAD.encode(claims.as_bytes()));
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(signed.as_bytes());
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&mac.finalize().into_bytes()))
}
