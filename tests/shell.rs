//! What makes the app one of a desktop: its lock, its tray and badge, and what can be done from a notice.
#![cfg(target_os = "linux")]

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    app::{App, Options},
    desktop::Desktop,
    flow::{composer, minimise, shown_once, signed_in},
    in_tray::{InTray, told},
    locator::{Role, containing, named, starting},
    page::{Page, chats},
    panel::Panel,
    scenario::on_desktop,
    team::Team,
    wait::eventually,
};
use serde_json::{Value, json};

const PASSPHRASE: &str = "a door of oak";

/// Every command that the page is granted, with what it would be asked, and what a locked app answers.
const COMMANDS: &str = r#"
    const done = arguments[arguments.length - 1];
    const invoke = (name, args) => window.__TAURI__.core.invoke(name, args).then(
        (answer) => [name, 'ok', JSON.stringify(answer)],
        (error) => [name, String(error.code ?? error), '']);
    const chatId = 'c', key = 'm:m', text = 'x', active = true;
    const intents = [
        { type: 'send', chatId, text }, { type: 'openChat', chatId }, { type: 'signOut' }, { type: 'refresh' },
        { type: 'saveDraft', chatId, text }, { type: 'markRead', chatId }, { type: 'seen', chatId, key },
        { type: 'typing', chatId, active }, { type: 'findPeople', query: 'a' }, { type: 'focus', focused: true },
        { type: 'setRecoveryPassphrase', passphrase: 'x' }, { type: 'beginStoreAnew' }, { type: 'deleteChat', chatId },
    ];
    const asked = intents.map((intent) => invoke('dispatch', { intent }));
    asked.push(invoke('system'), invoke('diagnosis'), invoke('save_settings', { settings: { closeToTray: false } }));
    asked.push(invoke('open_link', { url: 'https://example.org/' }), invoke('set_lock', { current: null, new: null }));
    asked.push(invoke('lock_now'), invoke('set_autostart', { on: true }), invoke('test_notice'));
    asked.push(invoke('check_for_update'), invoke('install_update'), invoke('open_profile', { name: 'x' }));
    asked.push(invoke('snapshot'), invoke('settings'), invoke('flushed', { page: { chatId } }));
    asked.push(invoke('alive', { number: 0 }));
    // Of Tauri and its plugins nothing is granted but hearing events.
    asked.push(invoke('plugin:store|load', { path: 'settings.json' }), invoke('plugin:event|emit', { event: 'update' }));
    asked.push(invoke('plugin:opener|open_url', { url: 'https://example.org/' }), invoke('plugin:window|close', {}));
    asked.push(invoke('plugin:webview|create_webview_window', { options: {} }), invoke('nothing_like_it'));
    Promise.all(asked).then(done);"#;

#[tokio::test]
async fn a_locked_app_shows_nothing_and_does_nothing() {
    on_desktop("shell_lock", async |desktop| {
        let logind = desktop.logind().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        team.bob.send(&team.direct, "A word for Ada alone").await?;
        let ada = signed_in(desktop, "ada", team.address()).await?;
        let page = ada.page();
        page.open_chat("Bob").await?;
        shown_once(page, "A word for Ada alone", &[]).await?;

        page.click(&named(Role::Button, "Settings")).await?;
        page.fill(&named(Role::Textbox, "New passphrase"), PASSPHRASE)
            .await?;
        page.click(&named(Role::Button, "Set a lock")).await?;
        page.find(&named(Role::Textbox, "Current passphrase")).await?;
        desktop.picture("settings").await?;
        let kept = desktop
            .secret("ada/app-lock")
            .await?
            .context("the keyring has it")?;
        ensure!(
            kept.starts_with("$argon2id$") && !kept.contains(PASSPHRASE),
            "{kept}"
        );
        page.close_dialog().await?;
        page.type_text(&composer(), "Half a thought").await?;

        // It locks when the computer sleeps; what was typed is saved before.
        logind.sleep().await?;
        page.find(&named(Role::Button, "Unlock")).await?;
        desktop.picture("locked").await?;
        let held = page.everything_kept().await?;
        for secret in ["A word for Ada alone", "Half a thought", "Garden"] {
            ensure!(
                !held.contains(secret),
                "the page of a locked app holds “{secret}”"
            );
        }
        refuses_everything(desktop, page).await?;

        // With the passphrase everything is there again.
        let lock = named(Role::Dialog, "Khaya is locked");
        for (passphrase, is_it) in [("a door of pine", false), (PASSPHRASE, true)] {
            page.fill(&lock.clone().with(named(Role::Textbox, "Passphrase")), passphrase)
                .await?;
            page.click(&lock.clone().with(named(Role::Button, "Unlock")))
                .await?;
            if !is_it {
                page.shows("This is not the passphrase").await?;
            }
        }
        page.gone(&lock).await?;
        shown_once(page, "A word for Ada alone", &[]).await?;
        let draft = page.value(&composer()).await?;
        ensure!(draft == "Half a thought", "the draft is “{draft}”");
        page.connection("Connected").await
    })
    .await;
}

async fn refuses_everything(desktop: &Desktop, page: &Page) -> Result<()> {
    let answers = page.session().execute_async(COMMANDS).await?;
    std::fs::write(
        desktop.artifacts().path("refused.json"),
        serde_json::to_string_pretty(&answers)?,
    )?;
    let answers = answers.as_array().context("a list")?;
    ensure!(answers.len() > 30, "{answers:?}");
    for answer in answers {
        let name = answer[0].as_str().context("a name")?;
        let code = answer[1].as_str().context("a code")?;
        match name {
            "settings" | "flushed" | "alive" => ensure!(code == "ok", "{answer}"),
            "snapshot" => {
                let snapshot: Value = serde_json::from_str(answer[2].as_str().context("JSON")?)?;
                ensure!(
                    snapshot["locked"] == true && snapshot["view"]["chats"] == json!([]),
                    "{snapshot}"
                );
                ensure!(
                    snapshot["page"].is_null() && snapshot["server"].is_null(),
                    "{snapshot}"
                );
            }
            of_others if of_others.contains('|') || of_others == "nothing_like_it" => {
                ensure!(
                    code.contains("not allowed") || code.contains("not found"),
                    "{answer}"
                );
            }
            _ => ensure!(code == "locked", "{answer}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_notice_is_answered_and_marked_as_read_where_it_is_shown() {
    on_desktop("shell_notices", async |desktop| {
        let notices = desktop.answering().await?;
        let mut panel = desktop.panel().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let ada = signed_in(desktop, "ada", team.address()).await?;
        let window = ada.window(desktop).await?;
        minimise(desktop, &ada, &window).await?;

        team.bob.send(&team.direct, "Shall we <b>?").await?;
        let notice = notices.shown("Shall we &lt;b&gt;?").await?;
        ensure!(
            notice.actions
                == [
                    "default",
                    "Open",
                    "inline-reply",
                    "Reply",
                    "mark-read",
                    "Mark as read"
                ],
            "{notice:?}"
        );
        notices.reply(notice.id, "We shall, from here.").await?;
        eventually("the answer at the server", async || {
            let path = format!("/chat/{}/messages", team.direct);
            let messages = team.bob.rest.get(&path).await?;
            Ok((messages["items"][1]["content"] == "We shall, from here.").then_some(()))
        })
        .await?;

        team.cem.send(&team.garden, "From the garden").await?;
        let notice = notices.shown("From the garden").await?;
        eventually("a badge", async || Ok((panel.badge()? == Some(2)).then_some(()))).await?;
        notices.choose(notice.id, "mark-read").await?;
        eventually("the notice to go", async || {
            let left = notices.all().await?;
            Ok((!left.iter().any(|notice| notice.body.contains("garden"))).then_some(()))
        })
        .await?;

        // What only some may see is not answered to all.
        let path = format!("/chat/{}/messages", team.garden);
        let secret = json!({ "content": "For Ada alone", "visibleTo": [team.ada.id] });
        team.bob.rest.ok("POST", &path, secret).await?;
        let notice = notices.shown("New message").await?;
        ensure!(!notice.actions.contains(&"inline-reply".to_owned()), "{notice:?}");

        panel.choose("Do not disturb").await?;
        eventually("the mark of the hour", async || {
            let menu = panel.menu().await?;
            Ok(menu
                .iter()
                .any(|entry| entry.label.starts_with("Do not disturb") && entry.checked)
                .then_some(()))
        })
        .await?;
        panel.choose("Settings").await?;
        ada.page().find(&named(Role::Button, "Set a lock")).await?;
        ada.page().click(&named(Role::Button, "Test")).await?;
        notices.shown("This is how a message is told").await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn tray_and_notices_speak_the_language_that_was_chosen_last() {
    on_desktop("shell_language", async |desktop| {
        let notices = desktop.answering().await?;
        let panel = desktop.panel().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let ada = signed_in(desktop, "ada", team.address()).await?;
        let window = ada.window(desktop).await?;
        speaks(&panel, &["No unread messages", "Quit"]).await?;

        choose_language(ada.page(), "de").await?;
        let german = [
            "Keine ungelesenen Nachrichten",
            "Khaya öffnen",
            "Eine Stunde nicht stören",
            "Einstellungen\u{a0}…",
            "Beenden",
        ];
        speaks(&panel, &german).await?;
        minimise(desktop, &ada, &window).await?;
        team.bob.send(&team.direct, "Kommst du?").await?;
        let notice = notices.shown("Kommst du?").await?;
        let labels: Vec<_> = notice.actions.iter().skip(1).step_by(2).collect();
        ensure!(
            labels == ["Öffnen", "Antworten", "Als gelesen markieren"],
            "{labels:?}"
        );
        told(&panel, "1 ungelesene Nachricht").await?;
        let path = format!("/chat/{}/messages", team.garden);
        let secret = json!({ "content": "For Ada alone", "visibleTo": [team.ada.id] });
        team.bob.rest.ok("POST", &path, secret).await?;
        notices.shown("Neue Nachricht").await?;
        told(&panel, "2 ungelesene Nachrichten").await?;

        choose_language(ada.page(), "en").await?;
        told(&panel, "2 unread messages").await?;
        speaks(&panel, &["2 unread messages", "Open Khaya", "Settings…", "Quit"]).await?;
        team.bob.send(&team.direct, "Are you coming?").await?;
        let notice = notices.shown("Are you coming?").await?;
        ensure!(notice.actions.contains(&"Mark as read".to_owned()), "{notice:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn window_and_tray_speak_the_systems_language_until_one_is_chosen() {
    on_desktop("shell_system_language", async |desktop| {
        let panel = desktop.panel().await?;
        let options = Options {
            profile: "ada",
            // The first is not there, and the second is.
            environment: &[("LANGUAGE", "tlh:de")],
            ..Options::default()
        };
        let ada = App::start(desktop, &options).await?;
        ada.page().find(&named(Role::Button, "Anmelden")).await?;
        speaks(&panel, &["Keine ungelesenen Nachrichten", "Beenden"]).await
    })
    .await;
}

/// Chooses a language in the settings, as their field tells it, and waits until the page has begun anew with it.
async fn choose_language(page: &Page, tag: &str) -> Result<()> {
    let choose = "
        const languages = document.querySelector('[name=language]');
        languages.value = arguments[0];
        languages.dispatchEvent(new Event('change', { bubbles: true }));";
    page.session().execute(choose, json!(tag)).await?;
    page.until(&format!("a page in {tag}"), async || {
        let lang = page
            .session()
            .execute("return document.documentElement.lang", Value::Null)
            .await?;
        Ok((lang == tag).then_some(()))
    })
    .await
}

/// Waits until the tray's menu has these entries, in this order.
async fn speaks(panel: &Panel, labels: &[&str]) -> Result<()> {
    eventually(format!("{labels:?} in the tray's menu"), async || {
        let menu = panel.menu().await?;
        let found = menu
            .iter()
            .map(|entry| &*entry.label)
            .filter(|label| labels.contains(label));
        Ok(found.eq(labels.iter().copied()).then_some(()))
    })
    .await
}

#[tokio::test]
#[ignore = "long: two hundred steps, each seen in a real window"]
async fn badge_tray_list_and_server_count_the_same() {
    counts_agree("shell_counts", 200).await;
}

async fn counts_agree(name: &str, steps: u64) {
    on_desktop(name, async |desktop| {
        let mut panel = desktop.panel().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let ada = signed_in(desktop, "ada", team.address()).await?;
        ada.page().open_chat("Bob").await?;
        let window = ada.window(desktop).await?;
        let seed = std::process::id().into();
        let mut random = Random(seed);
        let mut badge = 0;
        for step in 0..steps {
            let did = match random.below(8) {
                0..=2 => {
                    team.bob.send(&team.direct, &format!("Direct {step}")).await?;
                    "a message in the open chat"
                }
                3 | 4 => {
                    team.cem.send(&team.garden, &format!("Garden {step}")).await?;
                    "a message in the group"
                }
                5 => {
                    let chat = if random.below(2) == 0 {
                        &team.direct
                    } else {
                        &team.garden
                    };
                    team.ada.read_all(chat).await?;
                    "reading elsewhere"
                }
                6 => {
                    desktop.activate(&window).await?;
                    "looking at the window"
                }
                _ => {
                    minimise(desktop, &ada, &window).await?;
                    "looking away"
                }
            };
            let at = format!("after step {step}, {did}, of seed {seed}");
            eventually(format!("all counts to agree {at}"), async || {
                badge = panel.badge()?.unwrap_or(badge);
                let counts = [
                    badge,
                    of_tray(&panel).await?,
                    of_list(ada.page()).await?,
                    of_server(&team).await?,
                ];
                ensure!(
                    counts.iter().all(|count| *count == counts[0]),
                    "badge, tray, list, server: {counts:?}"
                );
                Ok(Some(()))
            })
            .await?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn goes_to_the_tray_and_comes_back_ten_times() {
    on_desktop("shell_tray", async |desktop| {
        let panel = desktop.panel().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        team.bob.send(&team.direct, "The one that is new").await?;
        let mut app = InTray::start(desktop, &team)?;
        app.until_painted().await?;
        app.show_chat(desktop, &panel, &team.direct).await?;
        for _ in 0..10 {
            app.close(desktop).await?;
            app.reopen(&panel).await?;
        }
        app.close(desktop).await?;
        let mut notices = desktop.notices().await?;
        team.bob.send(&team.direct, "While it was hidden").await?;
        let notice = notices.next().await?;
        ensure!(notice.body == "While it was hidden", "{notice:?}");
        Ok(())
    })
    .await;
}

async fn of_tray(panel: &Panel) -> Result<i64> {
    let told = panel.tool_tip().await?;
    let number = told.split(' ').next().unwrap_or_default();
    Ok(if number == "No" { 0 } else { number.parse()? })
}

async fn of_list(page: &Page) -> Result<i64> {
    let mut sum = 0;
    for name in page
        .names(&chats().with(containing(Role::Item, &["unread message"])))
        .await?
    {
        let words: Vec<&str> = name.split_whitespace().collect();
        let at = words
            .iter()
            .position(|word| *word == "unread")
            .context("unread")?;
        let number = words.get(at.wrapping_sub(1)).context("a number before it")?;
        // “no unread messages” is none.
        sum += number.parse::<i64>().unwrap_or(0);
    }
    Ok(sum)
}

async fn of_server(team: &Team) -> Result<i64> {
    let chats = team.ada.rest.get("/chat").await?;
    let items = chats["items"].as_array().context("items")?;
    Ok(items.iter().filter_map(|chat| chat["unreadCount"].as_i64()).sum())
}

/// A small generator (xorshift64*), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }
}

#[tokio::test]
async fn starts_with_the_desktop_when_asked_to() {
    on_desktop("shell_autostart", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let ada = signed_in(desktop, "ada", team.address()).await?;
        let page = ada.page();
        let file = desktop.home().join(".config/autostart/khaya-ada.desktop");
        page.click(&named(Role::Button, "Settings")).await?;
        let switch = starting(Role::Checkbox, "Start in the tray");
        page.click(&switch).await?;
        let exec = eventually("the entry", async || {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            Ok(text
                .lines()
                .find_map(|line| line.strip_prefix("Exec=").map(str::to_owned)))
        })
        .await?;
        ensure!(
            exec.ends_with("\"--hidden\"") && exec.contains("\"--profile\" \"ada\""),
            "{exec}"
        );
        page.click(&switch).await?;
        eventually(
            "the entry to be gone",
            async || Ok((!file.exists()).then_some(())),
        )
        .await
    })
    .await;
}
