//! The connection, as it was taken over: authenticated and named, in the middle of its life. So what passes on it is read
//! and written message by message, without a new beginning; bytes are zbus's.
//!
//! <https://specifications.freedesktop.org/notification-spec/latest/>

use std::{
    ffi::OsString,
    io,
    num::NonZeroU32,
    os::{
        fd::AsFd,
        unix::{net::UnixStream as StdStream, process::CommandExt},
    },
    process::{Command, Stdio},
    time::Duration,
};

use khaya_keeper::NOTICES;
use tokio::{
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime, time,
};
use zbus::{
    Message,
    connection::socket::{ReadHalf, WriteHalf},
    export::serde::Serialize,
    message::{Flags, Type},
    zvariant::DynamicType,
};

use crate::notices::{Next, Notices, Told};

/// The bus itself.
const BUS: (&str, &str, &str) = (
    "org.freedesktop.DBus",
    "/org/freedesktop/DBus",
    "org.freedesktop.DBus",
);

/// What shows notices.
const SERVER: (&str, &str, &str) = (
    "org.freedesktop.Notifications",
    "/org/freedesktop/Notifications",
    "org.freedesktop.Notifications",
);

/// What the bus is to tell, besides what is told to this connection alone.
const RULES: [&str; 2] = [
    "type='signal',interface='org.freedesktop.Notifications'",
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.freedesktop.Notifications'",
];

/// By these a window says whose wish it is: of Wayland, and of X11 (the specification, `ActivationToken`).
const TOKENS: [&str; 2] = ["XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID"];

/// How long a server may take to take notices away.
const WITHDRAW_TIME: Duration = Duration::from_secs(5);

/// Waits as long as there is something to wait for. `app` is how the app is started.
///
/// # Errors
/// When the bus has ended.
pub(crate) fn keep(notices: Notices, app: Vec<OsString>) -> zbus::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stream = StdStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        stream.set_nonblocking(true)?;
        Line::new(UnixStream::from_std(stream)?).keep(notices, &app).await
    })
}

struct Line {
    hears: OwnedReadHalf,
    says: OwnedWriteHalf,
    /// How many messages were heard.
    heard: u64,
}

impl Line {
    fn new(stream: UnixStream) -> Self {
        let (hears, says) = stream.into_split();
        Self {
            hears,
            says,
            heard: 0,
        }
    }

    async fn keep(mut self, mut notices: Notices, app: &[OsString]) -> zbus::Result<()> {
        for rule in RULES {
            self.call(BUS, "AddMatch", &rule).await?;
        }
        loop {
            let message = self.next().await?;
            let Some(told) = told(&message) else { continue };
            match notices.hear(told) {
                Next::Wait => {}
                Next::Open { link, token } => open(app, &link, token),
                Next::Withdraw(ids) => {
                    return match time::timeout(WITHDRAW_TIME, self.withdraw(ids)).await {
                        Ok(withdrawn) => withdrawn,
                        Err(_) => Ok(()),
                    };
                }
                Next::End => return Ok(()),
            }
        }
    }

    /// Takes notices away, and waits for the answers: some servers hear nothing more of one that is gone.
    async fn withdraw(&mut self, ids: Vec<u32>) -> zbus::Result<()> {
        let mut unanswered = Vec::with_capacity(ids.len());
        for id in ids {
            unanswered.push(self.call(SERVER, "CloseNotification", &id).await?);
        }
        while !unanswered.is_empty() {
            let message = self.next().await?;
            if let Some(serial) = message.header().reply_serial() {
                unanswered.retain(|asked| *asked != serial);
            }
        }
        Ok(())
    }

    /// Calls a method, and gives the number that its answer will bear.
    async fn call(
        &mut self,
        (name, path, interface): (&str, &str, &str),
        method: &str,
        argument: &(impl Serialize + DynamicType),
    ) -> zbus::Result<NonZeroU32> {
        let message = Message::method_call(path, method)?
            .destination(name)?
            .interface(interface)?
            .with_flags(Flags::NoAutoStart)?
            .build(argument)?;
        self.says.send_message(&message).await?;
        Ok(message.primary_header().serial_num())
    }

    async fn next(&mut self) -> zbus::Result<Message> {
        self.heard += 1;
        self.hears
            .receive_message(self.heard, &mut Vec::new(), &mut Vec::new())
            .await
    }
}

fn told(message: &Message) -> Option<Told> {
    if message.message_type() != Type::Signal {
        return None;
    }
    let (header, body) = (message.header(), message.body());
    let (_, _, bus) = BUS;
    let (server, _, notices) = SERVER;
    let interface = header.interface()?.as_str();
    if interface == notices {
        return match header.member()?.as_str() {
            "ActionInvoked" | "NotificationReplied" => {
                let (id, _): (u32, &str) = body.deserialize().ok()?;
                Some(Told::Chosen(id))
            }
            "ActivationToken" => {
                let (id, token) = body.deserialize().ok()?;
                Some(Told::Token(id, token))
            }
            "NotificationClosed" => {
                let (id, _): (u32, u32) = body.deserialize().ok()?;
                Some(Told::Closed(id))
            }
            _ => None,
        };
    }
    match header.member()?.as_str() {
        // The one name that this connection has.
        "NameLost" if interface == bus => Some(Told::AppIsThere),
        "NameOwnerChanged" if interface == bus => {
            let (name, ..): (&str, &str, &str) = body.deserialize().ok()?;
            (name == server).then_some(Told::ServerChanged)
        }
        _ => None,
    }
}

/// Starts the app, or has it show the link if it runs already. It says by the bus when it is there.
fn open(app: &[OsString], link: &str, token: Option<String>) {
    let Some((program, arguments)) = app.split_first() else {
        return;
    };
    let mut command = Command::new(program);
    command.args(arguments).arg(link).env_remove(NOTICES);
    for name in TOKENS {
        match &token {
            Some(token) => command.env(name, token),
            None => command.env_remove(name),
        };
    }
    // If it cannot be started now, the notice can be clicked once more.
    let _ = command.stdin(Stdio::null()).process_group(0).spawn();
}
