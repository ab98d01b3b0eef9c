//! Files of messages: each is sent before its message, and its copy on this computer goes when the server has both.

use khaya_wire::{ClientId, FileId};

use crate::{
    api::{ApiError, Request, Response},
    machine::{Chat, Output, calls::Purpose, stored::Then},
    store::{Op, OutboxEntry, OutgoingFile, Work},
};

/// A file on its way.
#[derive(Debug, Clone, Copy)]
pub(in crate::machine) struct Upload {
    /// The call.
    token: u64,
    /// How much of it has been sent, in bytes.
    sent: u64,
}

impl Chat {
    /// Sends the first file that the server does not have; whether there was one.
    pub(super) fn upload_first(&mut self, entry: &OutboxEntry, files: &[OutgoingFile]) -> bool {
        let Some(next) = files.iter().find(|file| file.uploaded.is_none()) else {
            return false;
        };
        let client_id = entry.client_id.clone();
        let token = self.call(
            Request::Upload {
                file: next.staged.clone(),
            },
            Purpose::Upload {
                client_id: client_id.clone(),
                file: next.staged.id.clone(),
            },
        );
        if let (Some(token), Some(lane)) = (token, self.outbox.lane_of(&client_id))
            && let Some(flight) = &mut lane.flight
        {
            flight.upload = Some(Upload { token, sent: 0 });
        }
        true
    }

    pub(in crate::machine) fn take_uploaded(
        &mut self,
        client_id: &ClientId,
        staged: &FileId,
        result: Result<Response, ApiError>,
    ) {
        if let Some(flight) = self
            .outbox
            .lane_of(client_id)
            .and_then(|lane| lane.flight.as_mut())
        {
            flight.upload = None;
        }
        let Some(mut entry) = self.outbox.get(client_id.as_str()).cloned() else {
            self.free_lane(client_id);
            return;
        };
        match result {
            Ok(Response::Uploaded(file)) => {
                let Work::Message(message) = &mut entry.work else {
                    return;
                };
                for outgoing in &mut message.files {
                    if outgoing.staged.id == *staged {
                        outgoing.uploaded = Some((*file).clone());
                    }
                }
                let op = Op::PutWork {
                    client_id: entry.client_id.clone(),
                    work: entry.work.clone(),
                };
                let entry = Box::new(entry);
                self.store(op, Then::Uploaded { entry });
            }
            Ok(_) => self.sending_waits(client_id, None),
            Err(error) if error.is_retryable() => self.sending_waits(client_id, error.retry_after()),
            Err(error) => self.park(client_id, error.failure()),
        }
    }

    /// The store knows that the server has a file.
    pub(in crate::machine) fn uploaded_is_stored(&mut self, entry: OutboxEntry) {
        self.outbox.put_work(&entry);
        if let Some(lane) = self.outbox.lane_of(&entry.client_id) {
            lane.succeeded();
        }
    }

    pub(in crate::machine) fn take_progress(&mut self, token: u64, sent: u64) {
        self.outbox.progress(token, sent);
    }

    /// Stops the sending of a file.
    pub(super) fn cancel_upload(&mut self, client_id: &ClientId) {
        let upload = self
            .outbox
            .lane_of(client_id)
            .and_then(|lane| lane.flight.as_mut()?.upload.take());
        // The lane stays taken until the message is forgotten.
        if let Some(Upload { token, .. }) = upload {
            self.calls.remove(&token);
            self.out.push(Output::Cancel { token });
        }
    }

    /// Lets the copies go of files that are not needed any more.
    pub(in crate::machine) fn forget_files(&mut self) {
        let files = std::mem::take(&mut self.outbox.finished);
        if !files.is_empty() {
            self.out.push(Output::ForgetFiles(files));
        }
    }
}

impl super::Outbox {
    /// How much of the file that is being sent has been sent.
    pub(in crate::machine) fn sent_of(&self, client_id: &ClientId) -> Option<u64> {
        self.lanes.values().find_map(|lane| {
            let flight = lane.flight.as_ref()?;
            let upload = flight.upload.filter(|_| flight.entry.client_id == *client_id)?;
            Some(upload.sent)
        })
    }

    fn progress(&mut self, token: u64, sent: u64) {
        for lane in self.lanes.values_mut() {
            if let Some(flight) = &mut lane.flight
                && let Some(upload) = &mut flight.upload
                && upload.token == token
            {
                upload.sent = sent;
            }
        }
    }

    fn put_work(&mut self, changed: &OutboxEntry) {
        for super::Entry { entry, .. } in &mut self.entries {
            if entry.client_id == changed.client_id {
                entry.work = changed.work.clone();
            }
        }
    }
}

/// A server lets files go that no message names for long; then it refuses the message. They are sent once more from the
/// copies.
pub(super) fn send_lost_again(entry: &mut OutboxEntry) {
    let may_be_lost = entry
        .parked
        .as_ref()
        .is_some_and(|failure| matches!(failure.code.as_str(), "invalid_request" | "not_found"));
    if let (true, Work::Message(message)) = (may_be_lost, &mut entry.work) {
        for file in &mut message.files {
            file.uploaded = None;
        }
    }
}

/// The copies of a message's files.
pub(super) fn copies(entry: &OutboxEntry) -> impl Iterator<Item = FileId> {
    let files = entry.message().map(|message| message.files.as_slice());
    files
        .unwrap_or_default()
        .iter()
        .map(|file| file.staged.id.clone())
}
