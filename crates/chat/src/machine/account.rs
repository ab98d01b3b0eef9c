//! The person's own account: name, picture, where it is signed in, and its password.

use khaya_wire::{FileId, SessionId, User, discovery::Feature};

use super::{Chat, Output, calls::Purpose, changes::not_supported, session::Session, stored::Then};
use crate::{
    api::{ApiError, Request, Response},
    files::StagedFile,
    intent::Secret,
    store::Op,
    view::{Device, Devices, Failure},
};

impl Chat {
    pub(super) fn list_sessions(&mut self) {
        if !self.server_has(Feature::Refresh) {
            return;
        }
        let devices = self.devices.take().map(|known| known.devices).unwrap_or_default();
        self.devices = Some(Devices {
            devices,
            is_loading: true,
            failure: None,
        });
        self.call(Request::Sessions, Purpose::Sessions);
    }

    pub(super) fn take_sessions(&mut self, result: Result<Response, ApiError>) {
        let Some(known) = &mut self.devices else {
            return;
        };
        known.is_loading = false;
        match result {
            Ok(Response::Sessions(page)) => {
                known.devices = page
                    .items
                    .into_iter()
                    .map(|session| Device {
                        id: session.id,
                        client: session.client,
                        since: session.created_at,
                        last_seen_at: session.last_seen_at,
                        is_this: session.current,
                    })
                    .collect();
            }
            Ok(_) => known.failure = Some(ApiError::NotKhaya.failure()),
            Err(error) => known.failure = Some(error.failure()),
        }
    }

    /// Answered when the server has done it.
    pub(super) fn revoke_session(&mut self, intent: u64, session: SessionId) {
        self.change_account(intent, Request::RevokeSession { session });
    }

    /// Answered when the server has done it.
    pub(super) fn change_password(&mut self, intent: u64, current: Secret, new: Secret) {
        self.change_account(intent, Request::ChangePassword { current, new });
    }

    /// Answered when the server has it.
    pub(super) fn rename(&mut self, intent: u64, name: String) {
        let name = name.trim().to_owned();
        if name.is_empty() {
            return self.answer(
                intent,
                Err(Failure::new("invalid_request", "A person has a name.")),
            );
        }
        if !self.server_has(Feature::Refresh) {
            return self.answer(intent, Err(not_supported()));
        }
        self.call(Request::Rename { name }, Purpose::Me { intent });
    }

    /// Answered when the server has it.
    pub(super) fn set_picture(&mut self, intent: u64, file: Option<StagedFile>) {
        if !self.server_has(Feature::Files) {
            self.forget_copies(file.map(|file| file.id));
            return self.answer(intent, Err(not_supported()));
        }
        match file {
            Some(file) => {
                let staged = file.id.clone();
                self.call(Request::Upload { file }, Purpose::Picture { intent, staged });
            }
            None => {
                self.call(Request::SetPicture { file: None }, Purpose::Me { intent });
            }
        }
    }

    /// The server has the file, or will not take it.
    pub(super) fn take_picture(&mut self, intent: u64, staged: FileId, result: Result<Response, ApiError>) {
        self.forget_copies([staged]);
        match result {
            Ok(Response::Uploaded(file)) => {
                let file = Some(file.id);
                self.call(Request::SetPicture { file }, Purpose::Me { intent });
            }
            Ok(_) => self.answer(intent, Err(ApiError::NotKhaya.failure())),
            Err(error) => self.answer(intent, Err(error.failure())),
        }
    }

    pub(super) fn take_changed_me(&mut self, intent: u64, result: Result<Response, ApiError>) {
        let answer = match result {
            Ok(Response::Me(me)) if Some(&me.id) == self.my_id().as_ref() => {
                self.put_me(*me);
                Ok(())
            }
            Ok(_) => Err(ApiError::NotKhaya.failure()),
            Err(error) => Err(error.failure()),
        };
        self.answer(intent, answer);
    }

    fn put_me(&mut self, me: User) {
        if let Session::SignedIn(session) = &mut self.session {
            session.me.clone_from(&me);
            self.store(Op::PutMe { me: Box::new(me) }, Then::Nothing);
            // The chats name their members as they were.
            self.fetch_soon();
        }
    }

    fn forget_copies(&mut self, files: impl IntoIterator<Item = FileId>) {
        let files: Vec<_> = files.into_iter().collect();
        if !files.is_empty() {
            self.out.push(Output::ForgetFiles(files));
        }
    }

    fn change_account(&mut self, intent: u64, request: Request) {
        if self.server_has(Feature::Refresh) {
            self.call(request, Purpose::Account { intent });
        } else {
            self.answer(intent, Err(not_supported()));
        }
    }

    pub(super) fn take_changed_account(&mut self, intent: u64, result: Result<Response, ApiError>) {
        match result {
            Ok(_) => {
                // Other devices may have been signed out by it.
                self.list_sessions();
                self.answer(intent, Ok(()));
            }
            Err(error) => self.answer(intent, Err(error.failure())),
        }
    }
}
