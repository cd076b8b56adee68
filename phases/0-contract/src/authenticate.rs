//! Who may register as whom: anybody as anybody, or whoever brings a token that says so.

use std::time::{Duration, SystemTime};

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use thiserror::Error;

use crate::UserId;

/// Decides who may take which name.
pub trait Authenticate: Send + Sync + 'static {
    /// Whether whoever brings `token` may register as `user`, and until when.
    ///
    /// # Errors
    ///
    /// [`Unauthorized`]: a retry with the same token will not help.
    fn authenticate(&self, user: &UserId, token: Option<&str>) -> Result<Grant, Unauthorized>;
}

/// A name is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Until then, if not for ever.
    pub expires: Option<SystemTime>,
}

/// Why it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unauthorized {
    /// There is none.
    #[error("this node asks for a token")]
    NoToken,
    /// It is no JWT signed by HS256 with this node's key, or lacks `sub` or `exp`.
    #[error("the token is not valid here")]
    Invalid,
    /// Its time is over.
    #[error("the token has run out")]
    Expired,
    /// It is another user's.
    #[error("the token is another user's")]
    AnotherUser,
}

/// Believes everybody: for loopback, where everybody is oneself.
#[derive(Debug)]
pub struct Anybody;

impl Authenticate for Anybody {
    fn authenticate(&self, _user: &UserId, _token: Option<&str>) -> Result<Grant, Unauthorized> {
        Ok(Grant { expires: None })
    }
}

/// Asks for a JSON Web Token (RFC 7519) signed by HS256 (RFC 7518, 3.2), with `sub` and `exp`; no leeway.
pub struct Jwt {
    key: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
}

impl Jwt {
    /// Tokens signed with this key.
    pub fn new(key: &[u8]) -> Self {
        Self { key: key.to_vec() }
    }

    fn claims(&self, token: &str) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&BASE64URL_NOPAD.decode(header.as_bytes()).ok()?).ok()?;
        // A token may not choose how it is verified; "none" is the classic.
        if header.alg != "HS256" {
            return None;
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(signed.as_bytes());
        // In a time that tells nothing about how much of the signature was right.
        mac.verify_slice(&BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?).ok()?;
        serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?).ok()
    }
}

impl Authenticate for Jwt {
    fn authenticate(&self, user: &UserId, token: Option<&str>) -> Result<Grant, Unauthorized> {
        let claims = self.claims(token.ok_or(Unauthorized::NoToken)?).ok_or(Unauthorized::Invalid)?;
        let expires = Duration::try_from_secs_f64(claims.exp).map_err(|_| Unauthorized::Invalid)?;
        let expires = SystemTime::UNIX_EPOCH.checked_add(expires).ok_or(Unauthorized::Invalid)?;
        if expires <= SystemTime::now() {
            return Err(Unauthorized::Expired);
        }
        if claims.sub != user.as_str() {
            return Err(Unauthorized::AnotherUser);
        }
        Ok(Grant { expires: Some(expires) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str, key: &[u8]) -> String {
        let signed =
            format!("{}.{}", BASE64URL_NOPAD.encode(header.as_bytes()), BASE64URL_NOPAD.encode(claims.as_bytes()));
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
        mac.update(signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(&mac.finalize().into_bytes()))
    }

    #[test]
    fn only_the_right_token_will_do() {
        let (jwt, alice) = (Jwt::new(b"secret"), UserId::parse("alice").expect("a name"));
        let hs256 = r#"{"alg":"HS256","typ":"JWT"}"#;
        let good = token(hs256, r#"{"sub":"alice","exp":99999999999}"#, b"secret");
        assert!(jwt.authenticate(&alice, Some(&good)).is_ok_and(|grant| grant.expires.is_some()));
        for (token, why) in [
            (None, Unauthorized::NoToken),
            (Some("a.b.c".to_owned()), Unauthorized::Invalid),
            (Some(good.replace('.', "")), Unauthorized::Invalid),
            (Some(token(hs256, r#"{"sub":"alice","exp":99999999999}"#, b"other")), Unauthorized::Invalid),
            (
                Some(token(r#"{"alg":"none"}"#, r#"{"sub":"alice","exp":99999999999}"#, b"secret")),
                Unauthorized::Invalid,
            ),
            (Some(token(hs256, r#"{"sub":"alice"}"#, b"secret")), Unauthorized::Invalid),
            (Some(token(hs256, r#"{"sub":"alice","exp":-1}"#, b"secret")), Unauthorized::Invalid),
            (Some(token(hs256, r#"{"sub":"alice","exp":1e300}"#, b"secret")), Unauthorized::Invalid),
            (Some(token(hs256, r#"{"sub":"alice","exp":1}"#, b"secret")), Unauthorized::Expired),
            (Some(token(hs256, r#"{"sub":"bob","exp":99999999999}"#, b"secret")), Unauthorized::AnotherUser),
        ] {
            assert_eq!(jwt.authenticate(&alice, token.as_deref()), Err(why), "{token:?}");
        }
    }
}
