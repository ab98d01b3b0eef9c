//! Text that would rather be something else: hundreds of payloads in messages, names and topics, shown in the real
//! window. Nothing of it runs, nothing of it becomes an element that a message cannot have, and it looks as typed.
#![cfg(target_os = "linux")]

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    flow::{sent, signed_in},
    page::{Page, messages},
    scenario::on_desktop,
    team::Team,
};
use serde_json::{Value, json};

/// What a payload does when it runs: it leaves a mark that the test looks for. `"` and `'` are left out where the
/// place of the payload needs them.
const MARK: &str = "window.ran=1";

/// Ways to run a script, as they are known from browsers' tests and reports.
fn scripts() -> Vec<String> {
    let handlers = [
        "<img src=x onerror=MARK>",
        "<img src=x onerror=\"MARK\">",
        "<IMG SRC=x ONERROR=MARK>",
        "<img/src=x/onerror=MARK>",
        "<img src=x:x onerror\n=MARK>",
        "<svg onload=MARK>",
        "<svg/onload=MARK>",
        "<svg><script>MARK</script></svg>",
        "<svg><animate onbegin=MARK attributeName=x dur=1s>",
        "<math><mtext><img src=x onerror=MARK></mtext></math>",
        "<body onload=MARK>",
        "<input autofocus onfocus=MARK>",
        "<details open ontoggle=MARK>",
        "<video><source onerror=MARK></video>",
        "<audio src=x onerror=MARK>",
        "<iframe srcdoc=\"<script>parent.ran=1</script>\"></iframe>",
        "<iframe src=javascript:MARK></iframe>",
        "<object data=javascript:MARK></object>",
        "<embed src=javascript:MARK>",
        "<script>MARK</script>",
        "<script src=data:text/javascript,MARK></script>",
        "<scr<script>ipt>MARK</scr</script>ipt>",
        "<style>@import 'javascript:MARK';</style>",
        "<link rel=stylesheet href=javascript:MARK>",
        "<meta http-equiv=refresh content=\"0;url=javascript:MARK\">",
        "<base href=javascript:MARK//>",
        "<form action=javascript:MARK><button>go</button></form>",
        "<a href=javascript:MARK>go</a>",
        "<template><img src=x onerror=MARK></template>",
        "<noscript><p title=\"</noscript><img src=x onerror=MARK>\">",
        "<marquee onstart=MARK>x</marquee>",
        "<x contenteditable onblur=MARK autofocus>x</x>",
        "<!--><img src=x onerror=MARK>-->",
        "<![CDATA[<img src=x onerror=MARK>]]>",
        "\"><img src=x onerror=MARK>",
        "'><img src=x onerror=MARK>",
        "</textarea><img src=x onerror=MARK>",
        "</title><img src=x onerror=MARK>",
        "</script><img src=x onerror=MARK>",
        "<img src=\"x\u{60}onerror=MARK\">",
        "{{constructor.constructor('MARK')()}}",
        "${MARK}",
        "<%= MARK %>",
        "<img src=x onerror=&#x77;indow.ran=1>",
    ];
    handlers
        .into_iter()
        .map(|payload| payload.replace("MARK", MARK))
        .collect()
}

/// Addresses that run something or read what they must not, where a link would take them.
const ADDRESSES: [&str; 16] = [
    "javascript:window.ran=1",
    "JaVaScRiPt:window.ran=1",
    "javascript&colon;window.ran=1",
    "&#106;avascript:window.ran=1",
    "java%0ascript:window.ran=1",
    "javascript://%0awindow.ran=1",
    "\u{1}javascript:window.ran=1",
    "vbscript:window.ran=1",
    "data:text/html,<script>parent.ran=1</script>",
    "data:text/html;base64,PHNjcmlwdD5wYXJlbnQucmFuPTE8L3NjcmlwdD4=",
    "blob:http://localhost/ran",
    "file:///etc/passwd",
    "tauri://localhost/index.html",
    "ipc://localhost/dispatch",
    "about:blank",
    "view-source:javascript:window.ran=1",
];

/// Places of Markdown in which a payload may be written; `X` is the payload.
const PLACES: [&str; 5] = ["X", "# X", "> X", "- [ ] X", "**X**"];
/// Places for an address.
const LINKS: [&str; 4] = ["[go](X)", "![go](X)", "<X>", "[go]: X\n\n[go]"];
/// All that the tree of a message becomes.
const ELEMENTS: &str =
    "A BLOCKQUOTE BR CODE DIV EM H1 H2 H3 HR INPUT LI OL P PRE S SPAN STRONG TABLE TBODY TD TH THEAD TR UL";

#[tokio::test]
async fn nothing_that_is_written_runs() {
    on_desktop("hostile_text", async |desktop| {
        let scripts = scripts();
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let hostile = "<img src=x onerror=window.ran=1>";
        let chat = team.bob.start_group(hostile, &[&team.ada]).await?;
        let topic = json!({ "topic": "<svg onload=window.ran=1>" });
        team.bob.rest.ok("PATCH", &format!("/chat/{chat}"), topic).await?;
        team.bob
            .rest
            .ok("PATCH", "/auth/me", json!({ "name": hostile }))
            .await?;

        let mut written = Vec::new();
        for place in PLACES {
            written.extend(scripts.iter().map(|script| place.replace('X', script)));
        }
        for place in LINKS {
            written.extend(ADDRESSES.iter().map(|address| place.replace('X', address)));
        }
        ensure!(written.len() >= 250, "{} payloads", written.len());
        let ada = signed_in(desktop, "ada", team.address()).await?;
        let page = ada.page();
        page.open_chat(hostile).await?;
        for batch in written.chunks(40) {
            for text in batch {
                team.bob.send(&chat, text).await?;
            }
            let last = format!("Batch of {}", batch.len());
            team.bob.send(&chat, &last).await?;
            page.find(&messages().with(sent(&last))).await?;
            look(page).await?;
        }
        // What is no Markdown looks as it was typed.
        for text in scripts
            .iter()
            .filter(|text| !text.contains(['\n', '`', '*', '_', '&']))
        {
            team.bob.send(&chat, text).await?;
            page.shows(text).await?;
        }
        look(page).await
    })
    .await;
}

/// Nothing has run, and the page has no element, attribute or address that a message cannot have.
async fn look(page: &Page) -> Result<()> {
    let script = format!(
        "const allowed = new Set({ELEMENTS:?}.split(' '));
        const faults = [];
        if (window.ran) faults.push('a payload ran');
        for (const element of document.querySelectorAll('.message-text *, .chat-preview *, .chat-name *, .chat-title *')) {{
            if (!allowed.has(element.tagName)) faults.push(element.outerHTML);
            for (const {{ name }} of element.attributes) if (name.startsWith('on') || name === 'style') faults.push(element.outerHTML);
            const href = element.getAttribute('href');
            if (href !== null && !/^(https?|mailto|khaya):/.test(href)) faults.push(element.outerHTML);
        }}
        return faults;"
    );
    let faults = page.session().execute(&script, Value::Null).await?;
    let faults = faults.as_array().context("a list of faults")?;
    ensure!(faults.is_empty(), "{faults:?}");
    Ok(())
}
