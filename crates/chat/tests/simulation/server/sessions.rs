//! Signing in, and tokens.

use std::time::Duration;

use khaya_chat::api::{ApiError, Response};
use khaya_wire::{Code, Timestamp, UserId, rest};

use super::{Access, EPOCH, Family, Server, refused};

impl Server {
    pub(super) fn login(&mut self, now: Duration, login: &rest::Login) -> Result<Response, ApiError> {
        let user = self
            .users
            .iter()
            .find(|user| user.username == login.username)
            .cloned()
            .ok_or_else(|| refused(Code::InvalidCredentials))?;
        self.families.push(Family::default());
        let family = self.families.len() - 1;
        let (token, refresh_token, expires_at) = self.issue(now, &user.id, family);
        Ok(Response::SignedIn(Box::new(rest::SignedIn {
            token,
            user,
            refresh_token: self.is_full.then_some(refresh_token),
            expires_at: self.is_full.then_some(expires_at),
        })))
    }

    /// Rotates (contract, `POST /auth/refresh`): the token before the last is taken until the newest access token
    /// has been used; anything older revokes the family.
    pub(super) fn refresh(&mut self, now: Duration, token: &str) -> Result<Response, ApiError> {
        let family = self
            .families
            .iter()
            .position(|family| family.refresh.contains_key(token))
            .ok_or_else(|| refused(Code::Unauthorized))?;
        let known = &mut self.families[family];
        let rotation = known.refresh[token];
        let is_last = rotation == known.rotation;
        let is_good = is_last || (rotation + 1 == known.rotation && known.used < Some(known.rotation));
        if !is_good || known.is_revoked {
            known.is_revoked = true;
            return Err(refused(Code::Unauthorized));
        }
        if is_last {
            known.rotation += 1;
        }
        let user = self
            .access
            .values()
            .find(|access| access.family == family)
            .map(|access| access.user.clone())
            .expect("a family has an access token");
        let (token, refresh_token, expires_at) = self.issue(now, &user, family);
        Ok(Response::Refreshed(rest::Refreshed {
            token,
            refresh_token,
            expires_at,
        }))
    }

    pub(super) fn issue(
        &mut self,
        now: Duration,
        user: &UserId,
        family: usize,
    ) -> (String, String, Timestamp) {
        self.next += 1;
        let (token, refresh) = (format!("access{}", self.next), format!("refresh{}", self.next));
        let expires = if self.is_full {
            now + self.token_life
        } else {
            Duration::MAX
        };
        let rotation = self.families[family].rotation;
        self.families[family].refresh.insert(refresh.clone(), rotation);
        self.access.insert(
            token.clone(),
            Access {
                user: user.clone(),
                family,
                rotation,
                expires,
            },
        );
        let life = i64::try_from((now + self.token_life).as_millis()).unwrap();
        (token, refresh, Timestamp::from_millis(EPOCH + life))
    }

    pub(super) fn check(&mut self, now: Duration, token: &str) -> Result<Access, Code> {
        let access = self.access.get(token).cloned().ok_or(Code::Unauthorized)?;
        let family = &mut self.families[access.family];
        if family.is_revoked {
            return Err(Code::Unauthorized);
        }
        if access.expires <= now {
            return Err(Code::TokenExpired);
        }
        family.used = family.used.max(Some(access.rotation));
        Ok(access)
    }
}
