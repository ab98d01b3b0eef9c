//! The line between two processes: the messages of [`super`] over a stream.

use std::{io, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter},
    sync::mpsc,
    task::JoinHandle,
};

use super::{Blob, CAPACITY, End, Reply, ToApp, ToWindow};

/// A line over a stream between two processes: one message a line, as JSON, and then its [`Blob`]. Needs a runtime. The
/// task ends when there is nothing more to say, or nobody to hear it.
pub(crate) fn over<In: Message, Out: Message>(
    reader: impl AsyncRead + Send + Unpin + 'static,
    writer: impl AsyncWrite + Send + Unpin + 'static,
) -> (End<In, Out>, JoinHandle<()>) {
    let (say, mut to_say) = mpsc::channel::<Out>(CAPACITY);
    let (heard, hear) = mpsc::channel(CAPACITY);
    let saying = tokio::spawn(async move {
        let mut writer = BufWriter::new(writer);
        while let Some(message) = to_say.recv().await {
            if let Err(error) = write(&mut writer, message, to_say.is_empty()).await {
                return tracing::debug!(%error, "the other side hears no more");
            }
        }
        if let Err(error) = writer.shutdown().await {
            tracing::debug!(%error, "the other side is gone already");
        }
    });
    tokio::spawn(async move {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        loop {
            match read(&mut reader, &mut line).await {
                Ok(Some(message)) => {
                    if heard.send(message).await.is_err() {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    return tracing::error!(%error, "the other side says what cannot be understood");
                }
                Err(error) => return tracing::debug!(%error, "the other side is gone"),
            }
        }
    });
    ((say, hear), saying)
}

async fn write<Out: Message>(
    writer: &mut (impl AsyncWrite + Unpin),
    mut message: Out,
    last: bool,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(&message)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    if let Some(blob) = message.blob() {
        writer.write_all(&blob.0).await?;
    }
    if last { writer.flush().await } else { Ok(()) }
}

/// The next message; `None` at the end of the line.
async fn read<In: Message>(
    reader: &mut (impl AsyncBufReadExt + Unpin),
    line: &mut Vec<u8>,
) -> io::Result<Option<In>> {
    line.clear();
    if reader.read_until(b'\n', line).await? == 0 {
        return Ok(None);
    }
    let mut message: In = serde_json::from_slice(line)?;
    if let Some(blob) = message.blob()
        && let Some(bytes) = Arc::get_mut(&mut blob.0)
    {
        reader.read_exact(bytes).await?;
    }
    Ok(Some(message))
}

/// What passes over a line.
pub(crate) trait Message: Serialize + DeserializeOwned + Send + 'static {
    /// The bytes that follow it.
    fn blob(&mut self) -> Option<&mut Blob>;
}

impl Message for ToWindow {
    fn blob(&mut self) -> Option<&mut Blob> {
        match self {
            Self::Answer {
                answer: Ok(Reply::Picture { bytes, .. }),
                ..
            } => Some(bytes),
            Self::Answer {
                answer: Ok(Reply::Json(_) | Reply::File(_)) | Err(_),
                ..
            }
            | Self::Show
            | Self::Hide
            | Self::Reload
            | Self::Locked(_)
            | Self::Title(_)
            | Self::Event { .. }
            | Self::End => None,
        }
    }
}

impl Message for ToApp {
    fn blob(&mut self) -> Option<&mut Blob> {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::link::{EventName, Question, Refusal};

    #[tokio::test]
    async fn carries_every_kind_of_message_in_order() {
        let (one, two) = tokio::io::duplex(64);
        let (one_reads, one_writes) = tokio::io::split(one);
        let (two_reads, two_writes) = tokio::io::split(two);
        let ((to_window, mut app_hears), _) = over::<ToApp, ToWindow>(one_reads, one_writes);
        let ((to_app, mut window_hears), _) = over::<ToWindow, ToApp>(two_reads, two_writes);

        let payload = "{\"text\":\"two\\nlines\"}";
        let answer = RawValue::from_string(payload.to_owned()).unwrap();
        for message in [
            ToWindow::Show,
            ToWindow::Event {
                name: EventName::Update,
                payload: payload.to_owned(),
            },
            ToWindow::Answer {
                number: 7,
                answer: Ok(Reply::Json(answer)),
            },
            ToWindow::Answer {
                number: 70,
                answer: Ok(Reply::Picture {
                    mime_type: "image/png".to_owned(),
                    bytes: Blob(vec![b'\n'; 1_000].into()),
                }),
            },
            ToWindow::Answer {
                number: 8,
                answer: Err(Refusal::ended()),
            },
        ] {
            to_window.send(message).await.unwrap();
        }
        assert!(matches!(window_hears.recv().await, Some(ToWindow::Show)));
        let Some(ToWindow::Event {
            name: EventName::Update,
            payload: heard,
        }) = window_hears.recv().await
        else {
            panic!("an event")
        };
        assert_eq!(heard, payload);
        let Some(ToWindow::Answer {
            number: 7,
            answer: Ok(Reply::Json(heard)),
        }) = window_hears.recv().await
        else {
            panic!("an answer")
        };
        assert_eq!(heard.get(), payload);
        let Some(ToWindow::Answer {
            number: 70,
            answer: Ok(Reply::Picture { bytes, .. }),
        }) = window_hears.recv().await
        else {
            panic!("a picture")
        };
        assert_eq!(bytes.0[..], [b'\n'; 1_000]);
        let Some(ToWindow::Answer {
            number: 8,
            answer: Err(refusal),
        }) = window_hears.recv().await
        else {
            panic!("a refusal")
        };
        assert_eq!(refusal, Refusal::ended());

        to_app
            .send(ToApp::Ask {
                number: 1,
                question: Question::Alive {
                    number: 3,
                    active: true,
                },
            })
            .await
            .unwrap();
        assert!(matches!(
            app_hears.recv().await,
            Some(ToApp::Ask {
                number: 1,
                question: Question::Alive {
                    number: 3,
                    active: true
                }
            })
        ));
        drop((to_app, window_hears));
        assert!(app_hears.recv().await.is_none(), "a side that is gone is noticed");
    }
}
