//! The person's own account: where it is signed in, and its password. Nothing of it is kept on the disk.

use khaya_wire::{SessionId, discovery::Feature};

use super::{Chat, calls::Purpose, changes::not_supported};
use crate::{
    api::{ApiError, Request, Response},
    intent::Secret,
    view::{Device, Devices},
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
