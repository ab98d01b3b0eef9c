//! Access tokens (JWT) and refresh tokens: making and checking them. Owns the signing key.
//!
//! Never looks into the database: whether a session still counts is asked by whoever holds a checked token.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use khaya_wire::{SessionId, Timestamp, UserId};
use rand::RngCore as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Error;

/// The media type of an access token, in its header (RFC 9068, section 2.1).
const ACCESS_TYPE: &str = "at+jwt";
const ISSUER: &str = "khaya-server";
const AUDIENCE: &str = "khaya";

/// What a checked access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    /// Which rotation of the session's refresh token it came with.
    pub(crate) generation: i64,
    pub(crate) expires_at: Timestamp,
}

/// What a genuine refresh token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    pub(crate) session: SessionId,
    pub(crate) generation: i64,
}

/// The server's signing key, and how long what it signs lasts.
pub(crate) struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    refresh: [u8; 32],
    bus: [u8; 32],
    validation: Validation,
    ttl: Duration,
}

impl fmt::Debug for Keys {
    /// Without the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

/// What seals letters between the nodes of this server.
pub(crate) struct BusKey([u8; 32]);

impl BusKey {
    /// HMAC-SHA256 of some bytes.
    pub(crate) fn mac(&self, bytes: &[u8]) -> [u8; 32] {
        hmac(&self.0, &[bytes])
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    /// Once more beside the header, for whoever reads claims only.
    typ: String,
    sub: UserId,
    sid: SessionId,
    #[serde(rename = "gen")]
    generation: i64,
    iat: i64,
    exp: i64,
}

impl Keys {
    /// Keys derived from the database's `secret`; access tokens last `ttl`.
    pub(crate) fn new(secret: &[u8], ttl: Duration) -> Self {
        let signing = derive(secret, b"access");
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.validate_nbf = true;
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Self {
            encoding: EncodingKey::from_secret(&signing),
            decoding: DecodingKey::from_secret(&signing),
            refresh: derive(secret, b"refresh"),
            bus: derive(secret, b"bus"),
            validation,
            ttl,
        }
    }

    /// A fresh access token, and when it ends.
    pub(crate) fn issue(
        &self,
        user: &UserId,
        session: &SessionId,
        generation: i64,
        now: Timestamp,
    ) -> Result<(String, Timestamp), Error> {
        let ttl = i64::try_from(self.ttl.as_millis()).unwrap_or(i64::MAX / 2);
        // JWT counts whole seconds: round up, so that a token never lasts shorter than was promised.
        let exp = now.as_millis().saturating_add(ttl).div_euclid(1000) + 1;
        let header = Header {
            typ: Some(ACCESS_TYPE.to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            typ: ACCESS_TYPE.to_owned(),
            sub: user.clone(),
            sid: session.clone(),
            generation,
            iat: now.as_millis().div_euclid(1000),
            exp,
        };
        let token = jsonwebtoken::encode(&header, &claims, &self.encoding)
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok((token, Timestamp::from_millis(exp.saturating_mul(1000))))
    }

    /// Checks an access token: signature, algorithm, type, issuer, audience and time, the last without leeway.
    pub(crate) fn check(&self, token: &str) -> Result<Access, Error> {
        let data =
            jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).map_err(|error| {
                if matches!(error.kind(), ErrorKind::ExpiredSignature) {
                    Error::TokenExpired
                } else {
                    Error::Unauthorized
                }
            })?;
        let typed = data.header.typ.as_deref() == Some(ACCESS_TYPE) && data.claims.typ == ACCESS_TYPE;
        if !typed {
            return Err(Error::Unauthorized);
        }
        let expires_at = Timestamp::from_millis(data.claims.exp.saturating_mul(1000));
        if expires_at <= crate::clock::now() {
            return Err(Error::TokenExpired);
        }
        Ok(Access {
            user: data.claims.sub,
            session: data.claims.sid,
            generation: data.claims.generation,
            expires_at,
        })
    }

    /// The key of the bus.
    pub(crate) fn bus(&self) -> BusKey {
        BusKey(self.bus)
    }

    /// The refresh token of one rotation. The same for the same rotation, so that asking again after a lost
    /// answer gives what was lost.
    pub(crate) fn refresh_token(&self, session: &SessionId, generation: i64) -> String {
        let mac = self.refresh_mac(session, generation);
        format!("{session}.{generation}.{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// Checks that this server made the refresh token; not whether it still counts.
    pub(crate) fn check_refresh(&self, token: &str) -> Option<RefreshToken> {
        let mut parts = token.split('.');
        let (session, generation, mac) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let session = SessionId::new(session).ok()?;
        let generation = generation.parse().ok()?;
        let given = URL_SAFE_NO_PAD.decode(mac).ok()?;
        let expected = self.refresh_mac(&session, generation);
        constant_time_eq(&given, &expected).then_some(RefreshToken { session, generation })
    }

    /// A cursor that holds a place and shows nothing of it: two of the same place differ.
    pub(crate) fn seal(&self, place: i64) -> String {
        let mut sealed = [0_u8; 24];
        rand::rng().fill_bytes(&mut sealed[..8]);
        let mask = self.hmac(&[b"cursor mask", &sealed[..8]]);
        for (index, byte) in place.to_be_bytes().iter().enumerate() {
            sealed[8 + index] = byte ^ mask[index];
        }
        let mac = self.hmac(&[b"cursor mac", &sealed[..16]]);
        sealed[16..].copy_from_slice(&mac[..8]);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// The place in a cursor that this server sealed.
    pub(crate) fn unseal(&self, cursor: &str) -> Option<i64> {
        let sealed: [u8; 24] = URL_SAFE_NO_PAD.decode(cursor).ok()?.try_into().ok()?;
        let mac = self.hmac(&[b"cursor mac", &sealed[..16]]);
        if !constant_time_eq(&mac[..8], &sealed[16..]) {
            return None;
        }
        let mask = self.hmac(&[b"cursor mask", &sealed[..8]]);
        let mut place = [0_u8; 8];
        for (index, byte) in place.iter_mut().enumerate() {
            *byte = sealed[8 + index] ^ mask[index];
        }
        Some(i64::from_be_bytes(place))
    }

    fn refresh_mac(&self, session: &SessionId, generation: i64) -> [u8; 32] {
        self.hmac(&[b"refresh", session.as_str().as_bytes(), &generation.to_be_bytes()])
    }

    fn hmac(&self, parts: &[&[u8]]) -> [u8; 32] {
        hmac(&self.refresh, parts)
    }
}

/// HMAC-SHA256 (RFC 2104) of some parts, each with its length before it.
fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut inner_pad = [0x36_u8; 64];
    let mut outer_pad = [0x5c_u8; 64];
    for (index, byte) in key.iter().enumerate() {
        inner_pad[index] ^= byte;
        outer_pad[index] ^= byte;
    }
    let mut inner = Sha256::new().chain_update(inner_pad);
    for part in parts {
        inner.update((part.len() as u64).to_be_bytes());
        inner.update(part);
    }
    let inner = inner.finalize();
    Sha256::new()
        .chain_update(outer_pad)
        .chain_update(inner)
        .finalize()
        .into()
}

fn derive(secret: &[u8], purpose: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"khaya-server key\0")
        .chain_update(purpose)
        .chain_update([0])
        .chain_update(secret)
        .finalize()
        .into()
}

/// Compares without telling by time where two secrets differ.
pub(crate) fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(ttl: u64) -> Keys {
        Keys::new(b"secret", Duration::from_secs(ttl))
    }

    fn issue(keys: &Keys, at: Timestamp) -> String {
        let user = UserId::new("u").unwrap();
        let session = SessionId::new("s").unwrap();
        keys.issue(&user, &session, 3, at).unwrap().0
    }

    #[test]
    fn takes_its_own_tokens_and_no_others() {
        let now = crate::clock::now();
        let token = issue(&keys(60), now);
        let access = keys(60).check(&token).unwrap();
        assert_eq!(
            (access.user.as_str(), access.session.as_str(), access.generation),
            ("u", "s", 3)
        );
        let foreign = Keys::new(b"other", Duration::from_secs(60));
        assert!(matches!(foreign.check(&token), Err(Error::Unauthorized)));
        let unsigned = {
            let claims = token.split('.').nth(1).unwrap();
            let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"none","typ":"at+jwt"}"#);
            format!("{header}.{claims}.")
        };
        for bad in [
            unsigned.as_str(),
            "",
            "a.b.c",
            &token[..token.len() - 2],
            &format!("{token}.x"),
        ] {
            assert!(matches!(keys(60).check(bad), Err(Error::Unauthorized)), "{bad}");
        }
    }

    #[test]
    fn gives_no_leeway_to_the_end() {
        let now = crate::clock::now();
        let old = issue(&keys(60), Timestamp::from_millis(now.as_millis() - 61_000));
        assert!(matches!(keys(60).check(&old), Err(Error::TokenExpired)));
    }

    #[test]
    fn demands_type_issuer_and_audience() {
        let keys = keys(60);
        let exp = crate::clock::now().as_millis() / 1000 + 60;
        let good = serde_json::json!({"iss": ISSUER, "aud": AUDIENCE, "typ": ACCESS_TYPE, "sub": "u", "sid": "s", "gen": 1, "iat": 0, "exp": exp});
        let sign = |typ: &str, claims: &serde_json::Value| {
            let header = Header {
                typ: Some(typ.to_owned()),
                ..Header::new(Algorithm::HS256)
            };
            jsonwebtoken::encode(&header, claims, &keys.encoding).unwrap()
        };
        assert!(keys.check(&sign(ACCESS_TYPE, &good)).is_ok());
        assert!(keys.check(&sign("JWT", &good)).is_err());
        for field in ["iss", "aud", "typ", "exp", "sub"] {
            let mut without = good.clone();
            without.as_object_mut().unwrap().remove(field);
            assert!(
                keys.check(&sign(ACCESS_TYPE, &without)).is_err(),
                "without {field}"
            );
            if field != "sub" {
                let mut other = good.clone();
                other[field] = if field == "exp" { 1.into() } else { "other".into() };
                assert!(keys.check(&sign(ACCESS_TYPE, &other)).is_err(), "another {field}");
            }
        }
        let other_algorithm = jsonwebtoken::encode(
            &Header {
                typ: Some(ACCESS_TYPE.to_owned()),
                ..Header::new(Algorithm::HS512)
            },
            &good,
            &keys.encoding,
        )
        .unwrap();
        assert!(keys.check(&other_algorithm).is_err());
    }

    #[test]
    fn a_cursor_shows_nothing_and_cannot_be_made_up() {
        let keys = keys(60);
        for place in [0, 1, i64::MAX] {
            let (one, other) = (keys.seal(place), keys.seal(place));
            assert_ne!(one, other);
            assert_eq!(
                (keys.unseal(&one), keys.unseal(&other)),
                (Some(place), Some(place))
            );
        }
        let foreign = Keys::new(b"other", Duration::from_secs(60));
        for bad in ["", "x", &foreign.seal(1), &"A".repeat(32)] {
            assert_eq!(keys.unseal(bad), None, "{bad}");
        }
    }

    #[test]
    fn tells_its_refresh_tokens_from_made_up_ones() {
        let keys = keys(60);
        let session = SessionId::new("s-1").unwrap();
        let token = keys.refresh_token(&session, 7);
        assert_eq!(
            keys.check_refresh(&token),
            Some(RefreshToken {
                session,
                generation: 7
            })
        );
        for bad in [
            token.replace(".7.", ".8."),
            token.replace("s-1", "s-2"),
            format!("{token}.x"),
            String::new(),
        ] {
            assert_eq!(keys.check_refresh(&bad), None, "{bad}");
        }
    }
}
