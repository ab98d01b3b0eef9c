//! A page that has gone bad: it calls every command that it was not granted, by every way there is, and tries to get to
//! places from which other rules might hold. All of it is refused, and leaves a list of what was tried.
#![cfg(target_os = "linux")]

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    desktop::Desktop, family::family, flow::signed_in, page::Page, scenario::on_desktop, stub::HtmlServer,
    team::Team,
};
use serde_json::{Value, json};

/// Asks for each command of `arguments[0]`, and says how that was answered.
const INVOKE: &str = r"
    const done = arguments[arguments.length - 1];
    Promise.all(COMMANDS.map((name) => window.__TAURI__.core.invoke(name, {}).then(
        () => [name, 'ok'], (error) => [name, String(error.code ?? error)]))).then(done);";

/// Speaks to the shell without the bridge: by the address that the bridge uses, and by the old channel, with no key or one
/// that is made up. What gets no answer is given up once the shell has answered an honest question after it.
const WITHOUT_THE_BRIDGE: &str = r"
    const done = arguments[arguments.length - 1];
    const settings = { settings: { theme: 'trespass' } };
    const giveUp = new AbortController();
    const ask = (name, headers) => fetch(`ipc://localhost/${name}`, {
        method: 'POST', headers, body: JSON.stringify(settings), signal: giveUp.signal,
    }).then((answer) => answer.status, (error) => error.name);
    const head = { 'Content-Type': 'application/json', 'Tauri-Callback': '1', 'Tauri-Error': '2' };
    const asked = [
        ask('save_settings', {}), ask('save_settings', head), ask('snapshot', head),
        ask('save_settings', { ...head, 'Tauri-Invoke-Key': '' }),
        ask('save_settings', { ...head, 'Tauri-Invoke-Key': 'x'.repeat(32) }),
        ask('save_settings', { ...head, 'Tauri-Invoke-Key': 'x'.repeat(32), Origin: 'tauri://localhost' }),
        ask('plugin:event%7Cemit', { ...head, 'Tauri-Invoke-Key': 'x'.repeat(32) }),
        ask('..%2Fsave_settings', head), ask('save_settings?x=1', head), ask('', head),
    ];
    let posted = 0;
    for (const __TAURI_INVOKE_KEY__ of [undefined, '', 'x'.repeat(32)]) {
        const message = { cmd: 'save_settings', callback: 1, error: 2, payload: settings, options: {}, __TAURI_INVOKE_KEY__ };
        window.ipc?.postMessage(JSON.stringify(message));
        window.webkit?.messageHandlers?.ipc?.postMessage(JSON.stringify(message));
        posted += 1;
    }
    const { invoke } = window.__TAURI__.core;
    invoke('settings').then(() => invoke('settings')).then((now) => {
        giveUp.abort();
        Promise.all(asked).then((answers) => done({ answers, posted, theme: now.chosen.theme ?? null }));
    });";

/// Puts each address into a frame and an object, and code into every place that might run it.
const FRAMES_AND_CODE: &str = r"
    const done = arguments[arguments.length - 1];
    const came = [];
    document.addEventListener('securitypolicyviolation', (event) =>
        came.push([event.effectiveDirective, event.blockedURI]));
    const tried = [];
    const seen = [];
    const place = (name, element, address) => {
        tried.push(`${name} ${address}`);
        seen.push(new Promise((resolve) => {
            element.onload = () => resolve(); element.onerror = () => resolve();
            document.addEventListener('securitypolicyviolation', () => resolve(), { once: true });
        }));
        document.body.append(element);
    };
    for (const address of PLACES) {
        const frame = document.createElement('iframe');
        frame.src = address;
        place('iframe', frame, address);
        const object = document.createElement('object');
        object.data = address;
        place('object', object, address);
    }
    const frame = document.createElement('iframe');
    frame.srcdoc = '<script>parent.ran = `srcdoc`</' + 'script>';
    place('iframe', frame, 'srcdoc');
    const codes = {
        eval: () => eval('window.ran = `eval`'),
        Function: () => new Function('window.ran = `Function`')(),
        setTimeout: () => setTimeout('window.ran = `setTimeout`'),
        'import data:': () => import('data:text/javascript,window.ran=`data`'),
        'import blob:': () => import(URL.createObjectURL(new Blob(['window.ran=`blob`'], { type: 'text/javascript' }))),
        'import khaya-file:': () => import('khaya-file://localhost/staged/x'),
        'import of another site': () => import(`${FOREIGN}/x.js`),
        'Worker data:': () => new Worker('data:text/javascript,1'),
        'fetch of another site': () => fetch(FOREIGN),
        WebSocket: () => new WebSocket(FOREIGN.replace('http', 'ws')),
        EventSource: () => new EventSource(FOREIGN),
        sendBeacon: () => navigator.sendBeacon(FOREIGN, 'x'),
        'inline script': () => {
            const script = document.createElement('script');
            script.textContent = 'window.ran = `inline`';
            document.body.append(script);
        },
        'script of another site': () => {
            const script = document.createElement('script');
            script.src = `${FOREIGN}/x.js`;
            document.body.append(script);
        },
        'inline handler': () => {
            const button = document.createElement('button');
            button.setAttribute('onclick', 'window.ran = `handler`');
            document.body.append(button);
            button.click();
        },
        'picture of another site': () => { new Image().src = `${FOREIGN}/x.png`; },
        'prefetch': () => {
            const link = document.createElement('link');
            link.rel = 'prefetch';
            link.href = FOREIGN;
            document.head.append(link);
        },
    };
    const settled = Object.entries(codes).map(async ([name, run]) => {
        tried.push(name);
        try { await run(); } catch { /* refused */ }
    });
    Promise.all([...settled, ...seen]).then(() => window.__TAURI__.core.invoke('settings')).then(() => {
        const reached = [...document.querySelectorAll('iframe')].map((frame) => {
            try { return frame.contentDocument?.body?.textContent ?? ''; } catch { return 'another origin'; }
        });
        done({ tried, came, reached, ran: window.ran ?? null });
    });";

/// Goes to `arguments[0]`, in one of the ways in which a page can.
const LEAVE: &str = r"
    const { way, address } = arguments[0];
    const link = document.createElement('a');
    link.href = address;
    const form = document.createElement('form');
    form.action = address;
    document.body.append(link, form);
    const refresh = document.createElement('meta');
    refresh.httpEquiv = 'refresh';
    refresh.content = `0;url=${address}`;
    const ways = {
        location: () => { location.href = address; },
        replace: () => location.replace(address),
        open: () => window.open(address),
        link: () => link.click(),
        'link in a new window': () => { link.target = '_blank'; link.click(); },
        download: () => { link.download = 'x'; link.click(); },
        form: () => form.submit(),
        refresh: () => document.head.append(refresh),
    };
    try { ways[way](); } catch { /* refused */ }";

const WAYS: [&str; 8] = [
    "location",
    "replace",
    "open",
    "link",
    "link in a new window",
    "download",
    "form",
    "refresh",
];

#[tokio::test]
async fn what_the_page_was_not_granted_is_refused_wherever_it_asks_from() {
    on_desktop("trespass", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let foreign = HtmlServer::start().await?;
        let ada = signed_in(desktop, "ada", team.address()).await?;
        let page = ada.page();
        page.session()
            .execute("window.isStillHere = true", Value::Null)
            .await?;
        let mut tried = Vec::new();
        commands(page, &mut tried).await?;
        without_the_bridge(page, &mut tried).await?;
        let places = places(foreign.address());
        frames_and_code(page, foreign.address(), &places, &mut tried).await?;
        leaving(page, &places, &mut tried).await?;
        let asked = foreign.asked();
        ensure!(asked.is_empty(), "another site was asked: {asked:?}");
        let mut windows = Vec::new();
        for process in family(ada.process())? {
            windows.extend(desktop.windows_of(process).await?);
        }
        ensure!(windows.len() == 1, "another window was opened: {windows:?}");
        leave_list(desktop, &tried)
    })
    .await;
}

/// Addresses at which other rules might hold.
fn places(foreign: &str) -> Vec<String> {
    let mut places = [
        "data:text/html,<script>parent.ran='data'</script>",
        "about:blank",
        "about:srcdoc",
        "file:///etc/passwd",
        "khaya-file://localhost/staged/x",
        "khaya-file://localhost/index.html",
        "ipc://localhost/snapshot",
        "tauri://example/index.html",
        "tauri://localhost.example.org/",
        "asset://localhost/etc/passwd",
        "http://tauri.localhost.example.org/",
        "javascript:window.ran='javascript'",
        "blob:tauri://localhost/0",
        "view-source:tauri://localhost/",
    ]
    .map(str::to_owned)
    .to_vec();
    places.push(format!("{foreign}/"));
    places.push(foreign.replace("http://", "http://tauri.localhost@"));
    places
}

/// Every command of Tauri and of each plugin that is built in, but those that the page was granted; and some that do not
/// exist.
async fn commands(page: &Page, tried: &mut Vec<String>) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| -> Result<Value> {
        let path = root.join(path);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(serde_json::from_str(&text)?)
    };
    let granted = read("capabilities/main.json")?;
    let granted: BTreeSet<&str> = granted["permissions"]
        .as_array()
        .context("permissions")?
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let manifests = read("gen/schemas/acl-manifests.json")?;
    let mut names = BTreeSet::new();
    for (plugin, manifest) in manifests.as_object().context("plugins")? {
        for (permission, what) in manifest["permissions"].as_object().context("permissions")? {
            if granted.contains(permission.as_str())
                || granted.contains(format!("{plugin}:{permission}").as_str())
            {
                continue;
            }
            for command in what["commands"]["allow"].as_array().into_iter().flatten() {
                let command = command.as_str().context("a command")?;
                if plugin != "__app-acl__" {
                    let plugin = plugin.strip_prefix("core:").unwrap_or(plugin);
                    names.insert(format!("plugin:{plugin}|{command}"));
                }
            }
        }
    }
    ensure!(names.len() > 150, "only {} commands are known", names.len());
    let made_up = [
        "nothing_like_it",
        "Snapshot",
        "snapshot ",
        "../snapshot",
        "",
        "plugin:",
        "plugin:main|snapshot",
    ];
    names.extend(made_up.map(str::to_owned));
    names.insert("plugin:window-state|snapshot|settings".to_owned());
    let names: Vec<String> = names.into_iter().collect();
    let script = INVOKE.replace("COMMANDS", &serde_json::to_string(&names)?);
    let answers = page.session().execute_async(&script).await?;
    let answers = answers.as_array().context("answers")?;
    ensure!(answers.len() == names.len());
    for answer in answers {
        let (name, came) = (answer[0].as_str(), answer[1].as_str());
        let came = came.context("an answer")?;
        ensure!(
            came.contains("not allowed") || came.contains("not found"),
            "{answer}"
        );
        tried.push(format!("command {}", name.context("a name")?));
    }
    Ok(())
}

async fn without_the_bridge(page: &Page, tried: &mut Vec<String>) -> Result<()> {
    let told = page.session().execute_async(WITHOUT_THE_BRIDGE).await?;
    let answers = told["answers"].as_array().context("answers")?;
    for answer in answers {
        ensure!(answer != 200, "a request without the key was answered: {told}");
    }
    ensure!(
        told["theme"] != "trespass",
        "a request without the key was done: {told}"
    );
    tried.push(format!(
        "ipc: with no key, or one that is made up: {} requests",
        answers.len()
    ));
    tried.push(format!("the old channel, the same: {} messages", told["posted"]));
    Ok(())
}

async fn frames_and_code(
    page: &Page,
    foreign: &str,
    places: &[String],
    tried: &mut Vec<String>,
) -> Result<()> {
    let script = FRAMES_AND_CODE
        .replace("FOREIGN", &serde_json::to_string(foreign)?)
        .replace("PLACES", &serde_json::to_string(places)?);
    let told = page.session().execute_async(&script).await?;
    ensure!(told["ran"].is_null(), "code ran that was not shipped: {told}");
    for reached in told["reached"].as_array().context("frames")? {
        ensure!(
            reached == "" || reached == "parent.ran = `srcdoc`",
            "a frame shows something: {reached}"
        );
    }
    ensure!(
        told["came"]
            .as_array()
            .is_some_and(|came| came.len() >= places.len()),
        "the page's policy refused too little: {told}"
    );
    for what in told["tried"].as_array().context("a list")? {
        tried.push(what.as_str().context("text")?.to_owned());
    }
    Ok(())
}

async fn leaving(page: &Page, places: &[String], tried: &mut Vec<String>) -> Result<()> {
    for address in places {
        for way in WAYS {
            page.session()
                .execute(LEAVE, json!({ "way": way, "address": address }))
                .await?;
            tried.push(format!("{way} {address}"));
        }
    }
    // The shell's answer comes after its word on all of them.
    let here = "const done = arguments[arguments.length - 1];
        window.__TAURI__.core.invoke('settings').then(() => done([window.isStillHere, window.ran, location.href]))";
    let told = page.session().execute_async(here).await?;
    ensure!(told == json!([true, null, told[2]]), "the page has gone: {told}");
    ensure!(
        told[2]
            .as_str()
            .is_some_and(|at| at.starts_with("tauri://localhost")),
        "the page is elsewhere: {told}"
    );
    Ok(())
}

#[expect(clippy::print_stdout, reason = "how much was tried is told to who runs it")]
fn leave_list(desktop: &Desktop, tried: &[String]) -> Result<()> {
    let path = desktop.artifacts().path("refused.txt");
    fs::write(&path, tried.join("\n"))?;
    println!("{} attempts were refused: {}", tried.len(), path.display());
    Ok(())
}
