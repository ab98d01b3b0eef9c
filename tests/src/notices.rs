//! Every notice that any app asks for, seen on the bus, with whatever daemon shows it.

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use tokio::time::timeout;
use zbus::{
    MessageStream,
    fdo::MonitoringProxy,
    message::{Message, Type},
    zvariant,
};

use crate::wait::PATIENCE;

const RULE: &str = "type='method_call',interface='org.freedesktop.Notifications',member='Notify'";

/// A watch on the bus.
#[derive(Debug)]
pub struct Notices {
    bus: zbus::Connection,
    stream: MessageStream,
}

/// One call of `Notify` (Desktop Notifications Specification 1.2, section 9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub app: String,
    /// The notice that this one takes the place of; 0 is none.
    pub replaces: u32,
    pub summary: String,
    pub body: String,
    pub actions: Vec<String>,
}

impl Notices {
    pub(crate) async fn watch(address: &str) -> Result<Self> {
        let bus = zbus::connection::Builder::address(address)?.build().await?;
        let monitoring = MonitoringProxy::new(&bus).await?;
        let rule = zbus::MatchRule::try_from(RULE)?;
        let stream = MessageStream::from(&bus);
        monitoring.become_monitor(&[rule], 0).await?;
        Ok(Self { bus, stream })
    }

    /// Waits for the next notice.
    ///
    /// # Errors
    /// When none comes.
    pub async fn next(&mut self) -> Result<Notice> {
        let next = async {
            while let Some(message) = self.stream.next().await {
                if let Some(notice) = notice_of(&message?)? {
                    return Ok(notice);
                }
            }
            anyhow::bail!("the bus ended")
        };
        timeout(PATIENCE, next)
            .await
            .with_context(|| format!("waited {PATIENCE:?} in vain for a notice"))?
    }

    /// The notices that have come and that nobody waited for.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn pending(&mut self) -> Result<Vec<Notice>> {
        let mut pending = Vec::new();
        while let Some(Some(message)) = futures_util::FutureExt::now_or_never(self.stream.next()) {
            pending.extend(notice_of(&message?)?);
        }
        Ok(pending)
    }

    /// The bus that is watched; a monitor must not send on it.
    #[must_use]
    pub fn bus(&self) -> &zbus::Connection {
        &self.bus
    }
}

fn notice_of(message: &Message) -> Result<Option<Notice>> {
    let header = message.header();
    if header.message_type() != Type::MethodCall || header.member().is_none_or(|member| member != "Notify") {
        return Ok(None);
    }
    let body = message.body();
    let (app, replaces, _icon, summary, text, actions): (String, u32, String, String, String, Vec<String>) = {
        let fields: zvariant::Structure<'_> = body.deserialize()?;
        let fields = fields.into_fields();
        let [app, replaces, icon, summary, text, actions, ..] = <[_; 8]>::try_from(fields)
            .map_err(|fields| anyhow::anyhow!("Notify has 8 arguments, not {}", fields.len()))?;
        (
            app.try_into()?,
            replaces.try_into()?,
            icon.try_into()?,
            summary.try_into()?,
            text.try_into()?,
            actions.try_into()?,
        )
    };
    Ok(Some(Notice {
        app,
        replaces,
        summary,
        body: text,
        actions,
    }))
}
