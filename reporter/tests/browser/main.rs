//! The report in a real browser: it draws, switches, prints whole, asks for nothing and runs nothing that a record holds.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod chromium;
mod overviews;
#[path = "../synthetic/mod.rs"]
mod synthetic;
mod tunings;

use std::path::PathBuf;

use base64::Engine;
use chromium::Chromium;
use reporter::record::Record;
use reporter::render::render_run;
use serde_json::json;
use synthetic::{Truth, hostile, records};

/// How many drawings of each figure are visible.
const DRAWINGS: &str = "[...document.querySelectorAll('figure')].map(f => [...f.querySelectorAll('.v')]
    .filter(v => v.getBoundingClientRect().height > 100 && v.querySelector('.pt')).length)";

/// Texts of visible figures that are not inside their figure.
const TEXT_OUTSIDE: &str = "[...document.querySelectorAll('.v .figure')].filter(s => s.getBoundingClientRect().width).flatMap(svg => {
    const frame = svg.getBoundingClientRect();
    return [...svg.querySelectorAll('text')].filter(t => { const b = t.getBoundingClientRect();
        return b.left < frame.left - 1 || b.right > frame.right + 1 || b.top < frame.top - 1 || b.bottom > frame.bottom + 1;
    }).map(t => t.textContent); })";

/// A rendered report, with hostile records among the others, and a browser; none where no browser is installed.
fn opened(name: &str) -> Option<(tempfile::TempDir, PathBuf, Chromium)> {
    let Some(program) = chromium::installed() else {
        println!("skipped {name}: no chromium in /usr/bin (apt-get install chromium)");
        return None;
    };
    let mut list = everything();
    let victims: Vec<_> = list.iter().take(4).cloned().map(hostile).collect();
    list.extend(victims);
    let directory = tempfile::tempdir().unwrap();
    let mut archive = synthetic::archive(&directory.path().join("run"), &list);
    synthetic::damage(&mut archive);
    render_run(&archive, directory.path()).unwrap();
    let file = directory.path().join("report.html");
    let mut browser = Chromium::start(program);
    browser.width(1280);
    browser.open(&file);
    Some((directory, file, browser))
}

/// A run with every figure that a report can have.
fn everything() -> Vec<Record> {
    let mut list = records(&Truth { invalid: 0.06, failed: 0.02, link: true, ..Truth::lab(7) });
    list.extend(synthetic::procedures::tuned(&list));
    list.extend(synthetic::procedures::all(list.len()));
    list
}

/// Sections whose figures must be there, or the tests look at nothing.
const DRAWN: [&str; 12] = [
    "application-view",
    "frame-view",
    "ratio",
    "latency",
    "percentiles",
    "loss",
    "bounds",
    "frame-loss",
    "latency-by-load",
    "percentiles-under-load",
    "back-to-back",
    "tuning",
];

#[test]
fn it_draws_without_a_complaint_and_asks_for_nothing() {
    let Some((_directory, file, mut browser)) = opened("it_draws_without_a_complaint_and_asks_for_nothing") else { return };
    let drawn = browser.value(DRAWINGS);
    let drawn = drawn.as_array().unwrap();
    assert!(drawn.len() >= 22 && drawn.iter().all(|n| *n == json!(1)), "one drawing a figure: {drawn:?}");
    for section in DRAWN {
        let figures = browser.value(&format!("document.querySelectorAll('#{section} figure').length"));
        assert!(figures.as_u64().unwrap() > 0, "no figure in {section}");
    }
    let outside = browser.value(TEXT_OUTSIDE);
    assert_eq!(outside, json!([]), "text outside its figure");
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
    assert_eq!(browser.requests(), [format!("file://{}", file.display())]);
}

#[test]
fn a_request_that_something_tried_would_be_seen_and_stopped() {
    let Some((_directory, _file, mut browser)) = opened("a_request_that_something_tried_would_be_seen_and_stopped") else { return };
    // The same checks must be able to fail: an image is asked for, and the page's policy refuses it.
    browser.value("new Promise(done => { const i = new Image(); i.onerror = () => done(1); i.src = 'https://example.invalid/x.png'; })");
    browser
        .value("(() => { const s = document.createElement('script'); s.textContent = 'window.injected = 1'; document.body.append(s); })()");
    assert!(browser.value("window.injected === undefined").as_bool().unwrap(), "the policy runs no script but ours");
    assert!(browser.complaints().iter().any(|c| c.contains("Content Security Policy")), "{:?}", browser.complaints());
}

#[test]
fn series_and_scales_switch() {
    let Some((_directory, _file, mut browser)) = opened("series_and_scales_switch") else { return };
    let shown =
        "[...document.querySelectorAll('#application-view .v.wide.log .series .line')].filter(l => l.getBoundingClientRect().width).length";
    let before = browser.value(shown).as_u64().unwrap();
    browser.value("document.querySelector('#application-view [data-key=\"kernel TCP\"]').click()");
    let without_kernel = browser.value(shown).as_u64().unwrap();
    assert!(without_kernel > 0 && without_kernel < before, "{before} {without_kernel}");
    browser.value("document.querySelector('#application-view [data-key=\"cpu→cpu\"]').click()");
    let without_pair = browser.value(shown).as_u64().unwrap();
    assert!(without_pair > 0 && without_pair < without_kernel, "{without_kernel} {without_pair}");
    browser.value("document.querySelector('#application-view [data-key=\"kernel TCP\"]').click()");
    browser.value("document.querySelector('#application-view [data-key=\"cpu→cpu\"]').click()");
    assert_eq!(browser.value(shown).as_u64().unwrap(), before);

    let height = |scale: &str| format!("document.querySelector('#application-view .v.wide.{scale}').getBoundingClientRect().height");
    assert_eq!(browser.value(&height("linear")), json!(0));
    browser.value("document.querySelector('#application-view [data-set=linear]').click()");
    assert!(browser.value(&height("linear")).as_f64().unwrap() > 100.0);
    assert_eq!(browser.value(&height("log")), json!(0));
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
}

#[test]
fn pointing_at_a_mark_shows_its_value() {
    let Some((_directory, _file, mut browser)) = opened("pointing_at_a_mark_shows_its_value") else { return };
    let place = browser.value(
        "(() => { const m = [...document.querySelectorAll('#frame-view .pt .mark')].find(m => m.getBoundingClientRect().width);
            m.scrollIntoView({ block: 'center', behavior: 'instant' }); const b = m.getBoundingClientRect();
            return [b.x + b.width / 2, b.y + b.height / 2]; })()",
    );
    browser.ask("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": place[0], "y": place[1] }));
    let tip = browser.value("(() => { const t = document.getElementById('tip'); return t.hidden ? '' : t.textContent; })()");
    let tip = tip.as_str().unwrap();
    assert!(tip.contains("layer-1 rate") && tip.contains("B frame"), "{tip:?}");
}

#[test]
fn the_table_of_trials_filters_and_sorts() {
    let Some((_directory, _file, mut browser)) = opened("the_table_of_trials_filters_and_sorts") else { return };
    let rows = "[...document.querySelectorAll('#trial-table tbody tr')].filter(r => !r.hidden)";
    let all = browser.value(&format!("{rows}.length")).as_u64().unwrap();
    browser.value("document.querySelector('[data-verdict=invalid]').click()");
    let invalid = browser.value(&format!("{rows}.length")).as_u64().unwrap();
    assert!(invalid > 0 && invalid < all);
    assert!(browser.value(&format!("{rows}.every(r => r.className === 'invalid')")).as_bool().unwrap());
    browser
        .value("(() => { const f = document.getElementById('filter'); f.value = 'hiccup b-dpu'; f.dispatchEvent(new Event('input')); })()");
    let fewer = browser.value(&format!("{rows}.length")).as_u64().unwrap();
    assert!(fewer > 0 && fewer < invalid);
    browser.value("document.querySelectorAll('#trial-table .sort')[3].click()");
    let sorted = "(() => { const v = [...document.querySelectorAll('#trial-table tbody tr')].map(r => Number(r.cells[3].dataset.v));
        return v.every((x, i) => i === 0 || v[i - 1] <= x); })()";
    assert!(browser.value(sorted).as_bool().unwrap());
}

#[test]
fn it_fits_a_telephone_and_prints_whole() {
    let Some((_directory, file, mut browser)) = opened("it_fits_a_telephone_and_prints_whole") else { return };
    browser.width(400);
    browser.open(&file);
    let overflow = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth").as_i64().unwrap();
    assert_eq!(overflow, 0, "the page scrolls sideways at 400 pixels");
    for section in DRAWN {
        let widths = format!(
            "[...document.querySelectorAll('#{section} .v .figure')].map(f => f.getBoundingClientRect()).filter(b => b.width)
                .filter(b => b.left < 0 || b.right > innerWidth || b.width < 300).length"
        );
        assert_eq!(browser.value(&widths), json!(0), "a figure of {section} does not fit");
    }
    let small = browser
        .value("Math.min(...[...document.querySelectorAll('.v .figure text')].map(t => t.getBoundingClientRect().height).filter(Boolean))");
    assert!(small.as_f64().unwrap() >= 10.0, "text of {small} pixels");

    browser.width(1280);
    browser.medium("print", "light");
    let cut = browser.value(
        "(() => { dispatchEvent(new Event('beforeprint'));
            const cut = [...document.querySelectorAll('.scroll, .tall, details')].filter(e => e.scrollHeight > e.clientHeight + 2 && getComputedStyle(e).overflowY !== 'visible');
            const closed = document.querySelectorAll('details:not([open])').length;
            const rows = [...document.querySelectorAll('#trial-table tbody tr')].filter(r => r.getBoundingClientRect().height).length;
            return [cut.length, closed, rows]; })()",
    );
    let total = browser.value("document.querySelectorAll('#trial-table tbody tr').length");
    assert_eq!(cut, json!([0, 0, total]));
    let pdf = base64::engine::general_purpose::STANDARD.decode(browser.picture("pdf")).unwrap();
    assert!(pdf.starts_with(b"%PDF"));
    // One page object a page; a report of this size takes several.
    let text = String::from_utf8_lossy(&pdf);
    assert!(text.matches("/Type /Page\n").count() + text.matches("/Type /Page ").count() + text.matches("/Type/Page").count() > 4);
}

#[test]
fn hostile_records_do_nothing() {
    let Some((_directory, _file, mut browser)) = opened("hostile_records_do_nothing") else { return };
    assert!(browser.value("window.pwned === undefined").as_bool().unwrap());
    assert_eq!(browser.value("document.querySelectorAll('img, svg[onload], [onerror], a[href^=javascript]').length"), json!(0));
    assert!(browser.value("document.body.textContent.includes('window.pwned=1')").as_bool().unwrap(), "the text itself is shown");
}

/// Pictures for a person to look at: `LOOK=DIRECTORY cargo test -p reporter --test browser -- --ignored`, with `RUN=DIRECTORY` of a run that
/// was measured.
#[test]
#[ignore = "writes pictures into the directory that LOOK names"]
fn pictures_for_a_person() {
    let into = PathBuf::from(std::env::var("LOOK").unwrap_or_else(|_| "target/look".to_owned()));
    std::fs::create_dir_all(&into).unwrap();
    let program = chromium::installed().expect("chromium");
    let list = everything();
    let archive = match std::env::var("RUN") {
        Ok(run) => reporter::archive::Archive::read(std::path::Path::new(&run)).unwrap(),
        Err(_) => synthetic::archive(&into.join(format!("run-{}", std::process::id())), &list),
    };
    render_run(&archive, &into).unwrap();
    let mut browser = Chromium::start(program);
    for (name, width, medium, scheme) in [
        ("light", 1280, "screen", "light"),
        ("dark", 1280, "screen", "dark"),
        ("phone", 400, "screen", "light"),
        ("paper", 690, "print", "light"),
    ] {
        browser.width(width);
        browser.medium(medium, scheme);
        browser.open(&into.join("report.html"));
        let height = browser.value("document.documentElement.scrollHeight").as_u64().unwrap();
        let step = if width < 600 { 1500 } else { 1700 };
        for (index, y) in (0..height).step_by(step).enumerate().take(24) {
            let clip = json!({ "x": 0, "y": y, "width": width, "height": step.min((height - y) as usize), "scale": 1 });
            let shot = browser.ask("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": true, "clip": clip }));
            let png = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
            std::fs::write(into.join(format!("{name}-{index}.png")), png).unwrap();
        }
    }
    let mut slower = archive.clone();
    slower.records = records(&Truth { dpdk_factor: 0.93, link: true, ..Truth::lab(8) });
    let comparison = reporter::compare::compare(&archive, &slower, reporter::compare::Correction::default());
    reporter::render::render_comparison(&comparison, "runs/before", "runs/after", &into).unwrap();
    browser.medium("screen", "light");
    browser.width(1280);
    browser.open(&into.join("compare.html"));
    let clip = json!({ "x": 0, "y": 0, "width": 1280, "height": 1900, "scale": 1 });
    let shot = browser.ask("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": true, "clip": clip }));
    let png = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
    std::fs::write(into.join("compare.png"), png).unwrap();
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());

    browser.open(&into.join("report.html"));
    browser.medium("print", "light");
    let pdf = base64::engine::general_purpose::STANDARD.decode(browser.picture("pdf")).unwrap();
    std::fs::write(into.join("print.pdf"), pdf).unwrap();
}
