//! The system's notification center, as far as it is the app's.

#![expect(unsafe_code, reason = "Objective-C is told and tells pointers")]

use std::{mem, path::Path, ptr::NonNull};

use block2::{DynBlock, RcBlock};
use objc2::{
    AnyThread, DefinedClass, define_class, msg_send,
    rc::Retained,
    runtime::{Bool, NSObject, NSObjectProtocol, ProtocolObject},
};
use objc2_foundation::{NSArray, NSBundle, NSError, NSSet, NSString};
use objc2_user_notifications::{
    UNAuthorizationOptions, UNAuthorizationStatus, UNMutableNotificationContent, UNNotification,
    UNNotificationAction, UNNotificationActionOptions, UNNotificationCategory, UNNotificationCategoryOptions,
    UNNotificationDefaultActionIdentifier, UNNotificationPresentationOptions, UNNotificationRequest,
    UNNotificationResponse, UNNotificationSetting, UNNotificationSettings, UNNotificationSound,
    UNTextInputNotificationAction, UNTextInputNotificationResponse, UNUserNotificationCenter,
    UNUserNotificationCenterDelegate,
};
use tokio::sync::mpsc;

use crate::{Buttons, Chosen, MARK_READ, Names, Notice, REPLY};

/// The kinds of notices that have buttons.
const READ_ONLY: &str = "message-read-only";
const MESSAGE: &str = "message";

/// Why a notice is not shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system says so, with its reason; mostly because the person does not want any.
    #[error("macOS does not take it: {0}")]
    Refused(String),
    /// It let go of what was asked.
    #[error("macOS did not answer")]
    NoAnswer,
}

/// The notification center. There is one for a program that was started from its bundle; any thread may use it.
#[derive(Debug, Clone, Copy)]
pub struct Center(());

impl Center {
    /// The program's own. None outside of a bundle, where the system would end a program that asks for it.
    #[must_use]
    pub fn of_bundle() -> Option<Self> {
        let bundle = NSBundle::mainBundle();
        let path = bundle.bundlePath().to_string();
        let is_app = Path::new(&path).extension().is_some_and(|end| end == "app");
        (is_app && bundle.bundleIdentifier().is_some()).then_some(Self(()))
    }

    /// From now on `answered` is told the identifier of each notice that somebody did something with. To be called once,
    /// before the program has finished launching: so it hears, too, which notice it was started by.
    pub fn hear(self, answered: impl Fn(&str, Chosen) + Send + Sync + 'static) {
        let delegate = Delegate::new(Box::new(answered));
        current().setDelegate(Some(ProtocolObject::from_ref(&*delegate)));
        // The center does not hold it, and needs it as long as the program lives.
        mem::forget(delegate);
    }

    /// What the buttons say from now on, also those of notices that are shown already. Until then there are none.
    pub fn name(self, buttons: Names<'_>) {
        current().setNotificationCategories(&categories(buttons));
    }

    /// Asks the person whether notices may be shown, if they never said, and waits for what they say.
    pub async fn ask(self) -> bool {
        let (sender, mut said) = mpsc::channel(1);
        current().requestAuthorizationWithOptions_completionHandler(
            UNAuthorizationOptions::Alert | UNAuthorizationOptions::Sound | UNAuthorizationOptions::Badge,
            &RcBlock::new(move |granted: Bool, _: *mut NSError| {
                // Full or closed: it was told already, or nobody waits any more.
                let _ = sender.try_send(granted.as_bool());
            }),
        );
        said.recv().await.unwrap_or(false)
    }

    /// Whether notices are seen somewhere. None: the person has not been asked yet.
    pub async fn standing(self) -> Option<bool> {
        let (sender, mut told) = mpsc::channel(1);
        current().getNotificationSettingsWithCompletionHandler(&RcBlock::new(
            move |settings: NonNull<UNNotificationSettings>| {
                // SAFETY: the system hands over an object that lives until the block has returned.
                let settings = unsafe { settings.as_ref() };
                let _ = sender.try_send(shown(settings));
            },
        ));
        told.recv().await.flatten()
    }

    /// Shows it, and waits until the system has it.
    ///
    /// # Errors
    /// When the system takes none, as without the person's permission.
    pub async fn show(self, notice: &Notice) -> Result<(), Error> {
        let (sender, mut done) = mpsc::channel(1);
        current().addNotificationRequest_withCompletionHandler(
            &request(notice),
            Some(&RcBlock::new(move |error: *mut NSError| {
                // SAFETY: the system hands over no object, or one that lives until the block has returned.
                let error = unsafe { error.as_ref() };
                let _ = sender.try_send(error.map(|error| error.localizedDescription().to_string()));
            })),
        );
        match done.recv().await {
            Some(None) => Ok(()),
            Some(Some(reason)) => Err(Error::Refused(reason)),
            None => Err(Error::NoAnswer),
        }
    }

    /// Takes away what is shown of the threads that are meant, also what was shown before the program started.
    pub async fn withdraw(self, is_meant: impl Fn(&str) -> bool + Send + 'static) {
        let (sender, mut done) = mpsc::channel(1);
        current().getDeliveredNotificationsWithCompletionHandler(&RcBlock::new(
            move |delivered: NonNull<NSArray<UNNotification>>| {
                // SAFETY: the system hands over an object that lives until the block has returned.
                let delivered = unsafe { delivered.as_ref() };
                let meant: Vec<_> = delivered
                    .iter()
                    .map(|notification| notification.request())
                    .filter(|request| is_meant(&request.content().threadIdentifier().to_string()))
                    .map(|request| request.identifier())
                    .collect();
                let meant = NSArray::from_retained_slice(&meant);
                current().removeDeliveredNotificationsWithIdentifiers(&meant);
                let _ = sender.try_send(());
            },
        ));
        // None: the system let go of it, and nothing is taken away.
        let _ = done.recv().await;
    }
}

/// Only for who holds a [`Center`].
fn current() -> Retained<UNUserNotificationCenter> {
    UNUserNotificationCenter::currentNotificationCenter()
}

fn shown(settings: &UNNotificationSettings) -> Option<bool> {
    match settings.authorizationStatus() {
        UNAuthorizationStatus::NotDetermined => None,
        UNAuthorizationStatus::Authorized | UNAuthorizationStatus::Provisional => {
            let places = [settings.alertSetting(), settings.notificationCenterSetting()];
            Some(places.contains(&UNNotificationSetting::Enabled))
        }
        // Denied, or what a later system may have to say.
        _ => Some(false),
    }
}

fn request(notice: &Notice) -> Retained<UNNotificationRequest> {
    let content = UNMutableNotificationContent::new();
    content.setTitle(&NSString::from_str(&notice.title));
    content.setBody(&NSString::from_str(&notice.body));
    if let Some(thread) = &notice.thread {
        content.setThreadIdentifier(&NSString::from_str(thread));
    }
    match notice.buttons {
        Buttons::None => {}
        Buttons::MarkRead => content.setCategoryIdentifier(&NSString::from_str(READ_ONLY)),
        Buttons::ReplyAndMarkRead => content.setCategoryIdentifier(&NSString::from_str(MESSAGE)),
    }
    if notice.sound {
        content.setSound(Some(&UNNotificationSound::defaultSound()));
    }
    // No trigger: now.
    UNNotificationRequest::requestWithIdentifier_content_trigger(
        &NSString::from_str(&notice.identifier),
        &content,
        None,
    )
}

fn categories(names: Names<'_>) -> Retained<NSSet<UNNotificationCategory>> {
    let mark_read = UNNotificationAction::actionWithIdentifier_title_options(
        &NSString::from_str(MARK_READ),
        &NSString::from_str(names.mark_read),
        UNNotificationActionOptions::empty(),
    );
    let reply =
        UNTextInputNotificationAction::actionWithIdentifier_title_options_textInputButtonTitle_textInputPlaceholder(
            &NSString::from_str(REPLY),
            &NSString::from_str(names.reply),
            // What a locked screen shows is answered by who can unlock it.
            UNNotificationActionOptions::AuthenticationRequired,
            &NSString::from_str(names.send),
            &NSString::from_str(""),
        );
    let category = |name: &str, actions: &[&UNNotificationAction]| {
        UNNotificationCategory::categoryWithIdentifier_actions_intentIdentifiers_options(
            &NSString::from_str(name),
            &NSArray::from_slice(actions),
            &NSArray::new(),
            UNNotificationCategoryOptions::empty(),
        )
    };
    NSSet::from_retained_slice(&[
        category(READ_ONLY, &[&mark_read]),
        category(MESSAGE, &[&reply, &mark_read]),
    ])
}

type Answered = Box<dyn Fn(&str, Chosen) + Send + Sync>;

define_class!(
    // SAFETY: NSObject asks nothing of what is derived from it, and a delegate has no `Drop`.
    #[unsafe(super(NSObject))]
    #[name = "KhayaUserNotificationsDelegate"]
    #[ivars = Answered]
    struct Delegate;

    // SAFETY: the protocol asks for nothing that NSObject does not have.
    unsafe impl NSObjectProtocol for Delegate {}

    // SAFETY: the methods take what the protocol's take, and call each block once.
    unsafe impl UNUserNotificationCenterDelegate for Delegate {
        /// Whoever asks to show it knows that no window shows the same.
        #[unsafe(method(userNotificationCenter:willPresentNotification:withCompletionHandler:))]
        fn will_present(
            &self,
            _center: &UNUserNotificationCenter,
            _notification: &UNNotification,
            present: &DynBlock<dyn Fn(UNNotificationPresentationOptions)>,
        ) {
            present.call((UNNotificationPresentationOptions::Banner
                | UNNotificationPresentationOptions::List
                | UNNotificationPresentationOptions::Sound,));
        }

        #[unsafe(method(userNotificationCenter:didReceiveNotificationResponse:withCompletionHandler:))]
        fn did_receive(
            &self,
            _center: &UNUserNotificationCenter,
            response: &UNNotificationResponse,
            done: &DynBlock<dyn Fn()>,
        ) {
            if let Some(chosen) = chosen(response) {
                let identifier = response.notification().request().identifier();
                self.ivars()(&identifier.to_string(), chosen);
            }
            done.call(());
        }
    }
);

impl Delegate {
    fn new(answered: Answered) -> Retained<Self> {
        let this = Self::alloc().set_ivars(answered);
        // SAFETY: NSObject's `init` takes nothing and gives the object itself.
        unsafe { msg_send![super(this), init] }
    }
}

fn chosen(response: &UNNotificationResponse) -> Option<Chosen> {
    let action = response.actionIdentifier();
    // SAFETY: a constant of the framework, there from the beginning to the end.
    if &*action == unsafe { UNNotificationDefaultActionIdentifier } {
        return Some(Chosen::Open);
    }
    let typed = response
        .downcast_ref::<UNTextInputNotificationResponse>()
        .map(|response| response.userText().to_string());
    Chosen::by_button(&action.to_string(), typed)
}
