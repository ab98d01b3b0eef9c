//! Files and pictures in two real windows: attached, dropped, pasted, taken back, seen, opened, saved, and kept from
//! who may not see them.
#![cfg(target_os = "linux")]

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    desktop::Desktop,
    flow::{Level, Pair, composer, sent, signed_in},
    locator::{Locator, Role, any, containing, named, starting},
    page::messages,
    scenario::on_desktop,
    team::Team,
    wait::eventually,
};
use serde_json::{Value, json};

/// Keys of WebDriver (section 17.4.2).
const ENTER: &str = "\u{E007}";
const ESCAPE: &str = "\u{E00C}";

#[tokio::test]
async fn a_picture_and_a_file_are_sent_seen_opened_and_saved() {
    on_desktop("files_sent", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let pair = Pair::sign_in(desktop, team.address(), Level::Full).await?;
        let (ada, bob) = (pair.ada.page(), pair.bob.page());
        let picture = picture(desktop, "sunset.png", "1600x900").await?;
        let notes = written(desktop, "notes & <plans>.txt", b"Friday, at ours")?;

        // Chosen, one of them not after all, and sent with a few words.
        ada.attach(&[&picture, &notes]).await?;
        ada.find(&tray().with(containing(Role::Item, &["sunset.png", "MB"])))
            .await?;
        ada.until("what it looks like", async || {
            let shown = ada.session().execute(TRAY_PICTURE, Value::Null).await?;
            Ok((shown == true).then_some(()))
        })
        .await?;
        ada.click(&tray().with(named(Role::Button, "Remove notes & <plans>.txt")))
            .await?;
        ada.gone(&tray().with(containing(Role::Item, &["notes"]))).await?;
        ada.attach(&[&notes]).await?;
        ada.find(&tray().with(containing(Role::Item, &["notes & <plans>.txt"])))
            .await?;
        ada.type_text(&composer(), "From the roof").await?;
        ada.click(&named(Role::Button, "Send")).await?;
        ada.gone(&tray().with(any(Role::Item))).await?;
        ada.find(&messages().with(sent("From the roof"))).await?;

        let both = ["From the roof", "Picture sunset.png", "File notes & <plans>.txt"];
        bob.find(&item(&both)).await?;
        for page in [ada, bob] {
            ensure!(page.pictures().await? == 1, "one picture is shown, small");
        }

        // As large as the window, and back.
        bob.click(&named(Role::Button, "Open picture sunset.png")).await?;
        let viewer = named(Role::Dialog, "Picture");
        bob.find(&viewer).await?;
        bob.shows("Ada · ").await?;
        bob.until("the picture itself", async || {
            let width = bob.session().execute(SHOWN_WIDTH, Value::Null).await?;
            Ok((width == json!(1600)).then_some(()))
        })
        .await?;
        bob.click(&viewer.clone().with(named(Role::Button, "Zoom in")))
            .await?;
        bob.shows("150%").await?;
        desktop.picture("viewer").await?;
        bob.click(&viewer.clone().with(named(Role::Button, "Close")))
            .await?;
        bob.gone(&viewer).await?;

        // Found again from the chat's details.
        bob.click(&named(Role::Button, "About this chat")).await?;
        bob.click(&named(Role::Dialog, "Ada").with(named(Role::Button, "Files and pictures")))
            .await?;
        bob.find(
            &named(Role::List, "Messages found")
                .with(containing(Role::Item, &["From the roof", "sunset.png"])),
        )
        .await?;
        bob.click(&named(Role::Dialog, "Search messages").with(named(Role::Button, "Close")))
            .await?;

        // Saved where the person says.
        bob.click(&named(Role::Button, "Save notes & <plans>.txt"))
            .await?;
        let target = desktop.home().join("kept.txt");
        desktop.choose_file("Save", &target).await?;
        eventually("the file to be saved", async || {
            Ok(fs::read(&target)
                .is_ok_and(|kept| kept == b"Friday, at ours")
                .then_some(()))
        })
        .await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn files_are_dropped_and_pasted_and_go_without_words() {
    on_desktop("files_dropped", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let pair = Pair::sign_in(desktop, team.address(), Level::Full).await?;
        let (ada, bob) = (pair.ada.page(), pair.bob.page());
        ada.session().execute(DRAG, json!("dragover")).await?;
        ada.shows("Drop to attach in Bob").await?;
        ada.session().execute(DRAG, json!("drop")).await?;
        ada.hides("Drop to attach in Bob").await?;
        ada.find(&tray().with(containing(Role::Item, &["dropped.txt"])))
            .await?;
        ada.session().execute(PASTE, Value::Null).await?;
        ada.find(&tray().with(containing(Role::Item, &["pasted.png"])))
            .await?;

        // They stay with the chat they are for, also while another is open.
        ada.open_chat("Garden").await?;
        ada.gone(&tray().with(any(Role::Item))).await?;
        ada.open_chat("Bob").await?;
        ada.find(&tray().with(containing(Role::Item, &["pasted.png"])))
            .await?;
        // Another language is another page, which goes on where the last one was.
        ada.session().execute(ENGLISH, Value::Null).await?;
        ada.until("a page made anew", async || {
            let is_new = ada
                .session()
                .execute("return window.before === undefined", Value::Null)
                .await?;
            Ok((is_new == true).then_some(()))
        })
        .await?;
        for name in ["dropped.txt", "pasted.png"] {
            ada.find(&tray().with(containing(Role::Item, &[name]))).await?;
        }
        ada.until("a button that sends", async || {
            ada.type_text(&composer(), ENTER).await?;
            Ok((ada.count(&tray()).await? == 0).then_some(()))
        })
        .await?;
        bob.find(&item(&["Ada", "dropped.txt", "Picture pasted.png"]))
            .await?;
        ensure!(bob.pictures().await? == 1, "what was pasted is shown");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_told_and_can_be_taken_back() {
    on_desktop("files_refused", async |desktop| {
        let mut team = Team::start(desktop.artifacts(), &["--file-bytes", "50000"]).await?;
        let ada = signed_in(desktop, "ada", team.address()).await?;
        let ada = ada.page();
        ada.open_chat("Bob").await?;
        let large = written(desktop, "large.bin", &[7; 60_000])?;
        ada.attach(&[&large]).await?;
        let told = ada.alert().await?;
        ensure!(told.contains("large.bin") && told.contains("50 kB"), "{told}");
        ensure!(ada.count(&tray()).await? == 0, "what is too large is not taken");

        // With nobody there to take it, it waits, and can be called back.
        team.server.kill();
        ada.attach(&[&written(desktop, "small.bin", &[7; 4_000])?])
            .await?;
        ada.find(&tray().with(containing(Role::Item, &["small.bin"])))
            .await?;
        ada.send("Later").await?;
        ada.find(&item(&["Later", "File small.bin", "Sending"])).await?;
        ada.click(&item(&["Later"]).with(named(Role::Button, "Cancel sending")))
            .await?;
        ada.gone(&item(&["Later"])).await?;
        ada.open_chat("Garden").await?;
        ada.open_chat("Bob").await?;
        ada.gone(&item(&["Later"])).await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_file_is_shown_to_who_can_see_its_message_and_never_run() {
    on_desktop("files_guarded", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let small = picture(desktop, "secret.png", "40x30").await?;
        let secret = team.ada.upload("secret.png", "image/png", fs::read(&small)?).await?;
        team.ada.send_with_file(&team.direct, "Between us", &secret).await?;
        // A program that says it is a picture, and a name that would like to be one.
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.hurt=1'><script>window.hurt=1</script></svg>";
        let name = "<img src=x onerror=window.hurt=1>\u{202e}gnp.svg";
        let program = team.ada.upload(name, "image/svg+xml", svg.to_vec()).await?;
        team.ada.send_with_file(&team.garden, "A drawing", &program).await?;
        let cem = signed_in(desktop, "cem", team.address()).await?;
        let cem = cem.page();
        cem.open_chat("Garden").await?;
        cem.find(&item(&["A drawing", "File "])).await?;
        for (address, expected) in [
            (format!("khaya-file://localhost/{secret}"), "refused"),
            (format!("khaya-file://localhost/{secret}/thumbnail"), "refused"),
            (format!("khaya-file://localhost/{program}"), "refused"),
            ("khaya-file://localhost/staged/..%2f..%2fsettings.json".to_owned(), "refused"),
        ] {
            let outcome = cem.session().execute(ASK_PICTURE, json!(address)).await;
            outcome?;
            cem.until(&format!("{address} to be answered"), async || {
                let outcome = cem.session().execute("return window.asked ?? null", Value::Null).await?;
                Ok((outcome == json!(expected)).then_some(()))
            })
            .await?;
        }
        let hurt = cem.session().execute("return window.hurt ?? null", Value::Null).await?;
        ensure!(hurt.is_null(), "a file did something");

        let bob = signed_in(desktop, "bob", team.address()).await?;
        let bob = bob.page();
        bob.open_chat("Ada").await?;
        bob.find(&item(&["Between us"])).await?;
        ensure!(bob.pictures().await? == 1, "who can see the message sees the picture");
        bob.click(&named(Role::Button, "Open picture secret.png")).await?;
        bob.find(&named(Role::Dialog, "Picture")).await?;
        let close = named(Role::Dialog, "Picture").with(named(Role::Button, "Close"));
        bob.type_text(&close, ESCAPE).await?;
        bob.gone(&named(Role::Dialog, "Picture")).await?;
        bob.find(&starting(Role::Region, "Ada")).await.map(drop)
    })
    .await;
}

/// Makes a picture of this size.
async fn picture(desktop: &Desktop, name: &str, size: &str) -> Result<PathBuf> {
    let path = desktop.home().join(name);
    let target = path.to_str().context("a path that is text")?;
    desktop
        .run("convert", &["-size", size, "plasma:tomato-gold", target])
        .await?;
    Ok(path)
}

fn written(desktop: &Desktop, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = desktop.home().join(name);
    fs::write(&path, bytes)?;
    Ok(path)
}

/// The files that go with the next message.
fn tray() -> Locator {
    named(Role::List, "Files to send")
}

/// A message of the open chat whose name has all of `parts`.
fn item(parts: &[&str]) -> Locator {
    messages().with(containing(Role::Item, parts))
}

/// The copy on this computer, which is encrypted there.
const TRAY_PICTURE: &str =
    "return document.querySelector('[aria-label=\"Files to send\"] img')?.naturalWidth > 0;";

const SHOWN_WIDTH: &str = "return document.querySelector('dialog[open] img')?.naturalWidth ?? null;";

/// What a person does with the mouse, of which a driver has only the end.
const DRAG: &str = "
    const files = new DataTransfer();
    files.items.add(new File(['dropped'], 'dropped.txt', { type: 'text/plain' }));
    const options = { dataTransfer: files, bubbles: true, cancelable: true };
    document.querySelector('textarea').dispatchEvent(new DragEvent(arguments[0], options));";

/// Chooses a language in the settings, and marks the page that it ends.
const ENGLISH: &str = "
    window.before = true;
    const languages = document.querySelector('[name=language]');
    languages.value = 'en';
    languages.dispatchEvent(new Event('change', { bubbles: true }));";

/// The smallest picture there is.
const PASTE: &str = "
    const bytes = Uint8Array.from(atob('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='), (c) => c.charCodeAt(0));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([bytes], 'pasted.png', { type: 'image/png' }));
    document.querySelector('textarea').dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));";

const ASK_PICTURE: &str = "
    window.asked = null;
    const image = new Image();
    image.onload = () => { window.asked = 'shown'; };
    image.onerror = () => { window.asked = 'refused'; };
    image.src = arguments[0];";
