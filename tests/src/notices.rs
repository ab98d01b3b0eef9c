//! Every notice that any app asks for, seen on the bus, with whatever daemon shows it.

use anyhow::{Context as _, Result, bail};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::timeout;
use zbus::{
    MessageStream,
    fdo::{DBusProxy, MonitoringProxy},
    message::{Message, Type},
    zvariant,
};

use crate::wait::PATIENCE;

const RULE: &str = "type='method_call',interface='org.freedesktop.Notifications',member='Notify'";

/// A watch on the bus.
#[derive(Debug)]
pub struct Notices {
    stream: MessageStream,
    /// On a connection of its own: a monitor must not send.
    names: DBusProxy<'static>,
}

/// One call of `Notify` (Desktop Notifications Specification 1.2, section 9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The process that asks for it, unless it has gone by now.
    pub process: Option<u32>,
    pub app: String,
    /// The notice that this one takes the place of; 0 is none.
    pub replaces: u32,
    pub summary: String,
    pub body: String,
    pub actions: Vec<String>,
}

impl Notices {
    pub(crate) async fn watch(address: &str) -> Result<Self> {
        let connect = async || zbus::connection::Builder::address(address)?.build().await;
        let names = DBusProxy::new(&connect().await?).await?;
        let bus = connect().await?;
        let monitoring = MonitoringProxy::new(&bus).await?;
        let rule = zbus::MatchRule::try_from(RULE)?;
        let stream = MessageStream::from(&bus);
        monitoring.become_monitor(&[rule], 0).await?;
        Ok(Self { stream, names })
    }

    /// Waits for the next notice.
    ///
    /// # Errors
    /// When none comes.
    pub async fn next(&mut self) -> Result<Notice> {
        let next = async {
            while let Some(message) = self.stream.next().await {
                if let Some(notice) = self.notice_of(&message?).await? {
                    return Ok(notice);
                }
            }
            bail!("the bus ended")
        };
        timeout(PATIENCE, next)
            .await
            .with_context(|| format!("waited {PATIENCE:?} in vain for a notice"))?
    }

    /// The notices that have come and that nobody waited for.
    ///
    /// # Errors
    /// When one cannot be read.
    pub async fn pending(&mut self) -> Result<Vec<Notice>> {
        let mut pending = Vec::new();
        while let Some(Some(message)) = self.stream.next().now_or_never() {
            pending.extend(self.notice_of(&message?).await?);
        }
        Ok(pending)
    }

    async fn notice_of(&self, message: &Message) -> Result<Option<Notice>> {
        let header = message.header();
        if header.message_type() != Type::MethodCall
            || header.member().is_none_or(|member| member != "Notify")
        {
            return Ok(None);
        }
        let sender = header.sender().context("a call has a sender")?.to_owned();
        let process = self
            .names
            .get_connection_unix_process_id(sender.into())
            .await
            .ok();
        let body = message.body();
        let fields: zvariant::Structure<'_> = body.deserialize()?;
        let fields = fields.into_fields();
        let [app, replaces, _icon, summary, text, actions, ..] = <[_; 8]>::try_from(fields)
            .map_err(|fields| anyhow::anyhow!("Notify has 8 arguments, not {}", fields.len()))?;
        Ok(Some(Notice {
            process,
            app: app.try_into()?,
            replaces: replaces.try_into()?,
            summary: summary.try_into()?,
            body: text.try_into()?,
            actions: actions.try_into()?,
        }))
    }
}
