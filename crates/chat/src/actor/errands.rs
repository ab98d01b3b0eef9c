//! Errands to the keyring: one at a time, in order, and none of them for ever.

use std::{collections::VecDeque, pin::Pin, sync::Arc, time::Duration};

use super::key::Keyholder;
use crate::{
    machine::{SecretsAnswer, SecretsRequest},
    shell::{SecretName, Secrets, SecretsError},
};

/// A keyring may ask its person for a password; for longer than this nobody waits.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// The errands that wait, and the one under way.
pub(super) struct Errands {
    secrets: Arc<Keyholder>,
    /// At most one of them stores something, and the others come once a start and once a sign-out.
    waiting: VecDeque<SecretsRequest>,
    under_way: Option<Pin<Box<dyn Future<Output = SecretsAnswer> + Send>>>,
}

impl Errands {
    pub(super) fn new(secrets: Arc<Keyholder>) -> Self {
        Self {
            secrets,
            waiting: VecDeque::new(),
            under_way: None,
        }
    }

    pub(super) fn add(&mut self, request: SecretsRequest) {
        // What is to be stored or forgotten now makes storing something older needless.
        if request != SecretsRequest::Load {
            self.waiting
                .retain(|waiting| !matches!(waiting, SecretsRequest::Save(_)));
        }
        self.waiting.push_back(request);
        self.begin();
    }

    pub(super) fn is_done(&self) -> bool {
        self.under_way.is_none()
    }

    /// The next answer; never, where nothing is under way.
    pub(super) async fn answer(&mut self) -> SecretsAnswer {
        let Some(errand) = &mut self.under_way else {
            return std::future::pending().await;
        };
        let answer = errand.await;
        self.under_way = None;
        self.begin();
        answer
    }

    fn begin(&mut self) {
        if self.under_way.is_some() {
            return;
        }
        let Some(request) = self.waiting.pop_front() else {
            return;
        };
        let secrets = Arc::clone(&self.secrets);
        self.under_way = Some(Box::pin(async move {
            match request {
                SecretsRequest::Load => {
                    SecretsAnswer::Loaded(in_time(secrets.load(SecretName::Session)).await)
                }
                SecretsRequest::Save(session) => {
                    SecretsAnswer::Saved(in_time(secrets.store(SecretName::Session, session)).await)
                }
                SecretsRequest::Delete => {
                    SecretsAnswer::Deleted(in_time(secrets.delete(SecretName::Session)).await)
                }
            }
        }));
    }
}

/// Waits for the keyring, but not for ever.
pub(super) async fn in_time<T>(
    errand: impl Future<Output = Result<T, SecretsError>>,
) -> Result<T, SecretsError> {
    tokio::time::timeout(TIME_LIMIT, errand)
        .await
        .unwrap_or_else(|_| {
            Err(SecretsError {
                message: "The system's keyring does not answer. Unlock it and try again.".to_owned(),
            })
        })
}
