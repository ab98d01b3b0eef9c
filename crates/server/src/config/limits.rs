//! How much of anything the server takes, and how it is told so: one line here is an option of the command line,
//! of the environment and of the file, with what it is when nothing is said. 0 lifts a limit.

use clap::Args;
use serde::Deserialize;

macro_rules! limits {
    ($( $(#[doc = $doc:literal])+ $name:ident = $default:literal, $env:literal, $unit:literal; )+) => {
        /// How much of anything the server takes. 0 is no limit.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $( $(#[doc = $doc])+ pub $name: usize, )+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $( $name: $default, )+ }
            }
        }

        /// The limits, as they are given.
        #[derive(Debug, Default, Clone, Args, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        #[command(next_help_heading = "Limits (0: none)")]
        pub(crate) struct LimitOptions {
            $(
                #[arg(long, env = $env, value_name = $unit, help = concat!($($doc,)+ " [default: ", $default, "]"))]
                $name: Option<usize>,
            )+
        }

        impl LimitOptions {
            /// The names in a file.
            pub(super) fn names() -> impl Iterator<Item = String> {
                [$( stringify!($name), )+].into_iter().map(|name| name.replace('_', "-"))
            }

            /// These, or else those of the file, or else what is usual.
            pub(super) fn or(self, file: &Self) -> Limits {
                Limits { $( $name: self.$name.or(file.$name).unwrap_or($default), )+ }
            }
        }
    };
}

limits! {
    /// Connections that may wait to be accepted
    backlog = 4096, "KHAYA_BACKLOG", "N";
    /// Connections at once, WebSockets among them
    max_connections = 65536, "KHAYA_MAX_CONNECTIONS", "N";
    /// Connections at once from one address (of IPv6: from one /64)
    max_connections_per_address = 1024, "KHAYA_MAX_CONNECTIONS_PER_ADDRESS", "N";
    /// Requests a second from one address, and ten times as many at once
    max_requests_per_address = 500, "KHAYA_MAX_REQUESTS_PER_ADDRESS", "N";
    /// Requests a second of one person, and ten times as many at once
    max_requests_per_user = 200, "KHAYA_MAX_REQUESTS_PER_USER", "N";
    /// Sockets at once of one person
    max_sockets_per_user = 32, "KHAYA_MAX_SOCKETS_PER_USER", "N";
    /// Sockets that have not said yet who they are
    max_unconnected = 4096, "KHAYA_MAX_UNCONNECTED", "N";
    /// Sockets from one address that have not said yet who they are
    max_unconnected_per_address = 512, "KHAYA_MAX_UNCONNECTED_PER_ADDRESS", "N";
    /// Events a second from one socket, and ten times as many at once
    max_events_per_socket = 100, "KHAYA_MAX_EVENTS_PER_SOCKET", "N";
    /// Seconds that a connection may take to say what it wants: a handshake of TLS, the head of a request
    header_timeout = 20, "KHAYA_HEADER_TIMEOUT", "SECONDS";
    /// Seconds that a body may take to come; a long one has a second more for every 16 KiB of it
    body_timeout = 30, "KHAYA_BODY_TIMEOUT", "SECONDS";
    /// Seconds that a socket may take to say who it is
    connect_timeout = 10, "KHAYA_CONNECT_TIMEOUT", "SECONDS";
    /// Seconds that a client may leave unread what is sent to it
    unread_timeout = 30, "KHAYA_UNREAD_TIMEOUT", "SECONDS";
}
