//! The server's cookies, kept for the client's own requests: mostly those of a load balancer that must send all
//! requests of a polling session to the same node.
//!
//! RFC 6265, section 5, as far as one path of one host needs it.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderValue, header};

/// How many are kept; the RFC asks for at least 50 a host.
const MOST: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Cookies {
    kept: BTreeMap<String, Cookie>,
}

#[derive(Debug)]
struct Cookie {
    value: String,
    path: String,
    secure: bool,
    expires: Option<SystemTime>,
}

impl Cookies {
    /// Keeps what a response sets, and forgets what it lets expire.
    pub(super) fn store(&mut self, headers: &HeaderMap, now: SystemTime) {
        for line in headers.get_all(header::SET_COOKIE) {
            let Some((name, cookie)) = line.to_str().ok().and_then(|line| parse(line, now)) else {
                continue;
            };
            if cookie.expires.is_some_and(|expires| expires <= now) {
                self.kept.remove(&name);
            } else if self.kept.len() < MOST || self.kept.contains_key(&name) {
                self.kept.insert(name, cookie);
            }
        }
    }

    /// The header for a request to this path.
    pub(super) fn header(&self, path: &str, secure: bool, now: SystemTime) -> Option<HeaderValue> {
        let sent: Vec<String> = self
            .kept
            .iter()
            .filter(|(_, cookie)| cookie.expires.is_none_or(|expires| expires > now))
            .filter(|(_, cookie)| secure || !cookie.secure)
            .filter(|(_, cookie)| covers(&cookie.path, path))
            .map(|(name, cookie)| format!("{name}={}", cookie.value))
            .collect();
        if sent.is_empty() {
            return None;
        }
        HeaderValue::try_from(sent.join("; ")).ok()
    }
}

fn parse(line: &str, now: SystemTime) -> Option<(String, Cookie)> {
    let mut parts = line.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let mut cookie = Cookie {
        value: value.trim().to_owned(),
        path: "/".to_owned(),
        secure: false,
        expires: None,
    };
    let mut age = None;
    for part in parts {
        let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match attribute.trim().to_ascii_lowercase().as_str() {
            "path" if value.starts_with('/') => cookie.path = value.to_owned(),
            "secure" => cookie.secure = true,
            "expires" => cookie.expires = httpdate::parse_http_date(value).ok(),
            "max-age" => age = value.parse::<i64>().ok(),
            _ => {}
        }
    }
    // Max-Age has precedence, wherever it stands.
    if let Some(seconds) = age {
        let lasts = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        cookie.expires = if lasts.is_zero() {
            Some(SystemTime::UNIX_EPOCH)
        } else {
            now.checked_add(lasts)
        };
    }
    let name = name.trim();
    (!name.is_empty()).then(|| (name.to_owned(), cookie))
}

/// RFC 6265, section 5.1.4.
fn covers(cookie: &str, path: &str) -> bool {
    path.strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &[&str], path: &str, secure: bool, later: u64) -> Option<String> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::SET_COOKIE, HeaderValue::from_str(line).unwrap());
        }
        let mut cookies = Cookies::default();
        cookies.store(&headers, now);
        let header = cookies.header(path, secure, now + Duration::from_secs(later));
        header.map(|header| header.to_str().unwrap().to_owned())
    }

    #[test]
    fn are_sent_back_by_name_until_they_expire() {
        let path = "/socket.io/";
        assert_eq!(
            sent(&["a=1; Path=/; HttpOnly", "b=2"], path, false, 0).unwrap(),
            "a=1; b=2"
        );
        assert_eq!(sent(&["a=1", "a=2"], path, false, 0).unwrap(), "a=2");
        assert_eq!(sent(&["a=1; Max-Age=10"], path, false, 9).unwrap(), "a=1");
        assert_eq!(sent(&["a=1; Max-Age=10"], path, false, 10), None);
        assert_eq!(sent(&["a=1", "a=; Max-Age=0"], path, false, 0), None);
        assert_eq!(
            sent(&["a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT"], path, false, 0),
            None
        );
        assert_eq!(
            sent(
                &["a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT; Max-Age=5"],
                path,
                false,
                0
            )
            .unwrap(),
            "a=1"
        );
        assert_eq!(sent(&["nonsense", "=x", ""], path, false, 0), None);
    }

    #[test]
    fn stay_on_their_path_and_off_plain_http() {
        assert_eq!(
            sent(&["a=1; Path=/socket.io"], "/socket.io/", false, 0).unwrap(),
            "a=1"
        );
        assert_eq!(sent(&["a=1; Path=/socket"], "/socket.io/", false, 0), None);
        assert_eq!(sent(&["a=1; Secure"], "/socket.io/", false, 0), None);
        assert_eq!(sent(&["a=1; Secure"], "/socket.io/", true, 0).unwrap(), "a=1");
    }
}
