//! The pages of histories and fleets, by the same standards as the report.

use base64::Engine;
use reporter::fleet::Fleet;
use reporter::history::History;
use reporter::render::{render_fleet, render_history};
use reporter::runs::Runs;
use serde_json::json;

use crate::chromium::{self, Chromium};
use crate::synthetic::many;
use crate::{DRAWINGS, TEXT_OUTSIDE};

/// Both pages, and a browser; none where no browser is installed.
fn opened(name: &str) -> Option<(tempfile::TempDir, [std::path::PathBuf; 2], Chromium)> {
    let Some(program) = chromium::installed() else {
        println!("skipped {name}: no chromium in /usr/bin (apt-get install chromium)");
        return None;
    };
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    many::history(&place("nightly"), 40);
    many::fleet(&place("racks"), 9);
    for kind in ["nightly", "racks"] {
        std::fs::create_dir(place(kind).join("<img src=x onerror=window.pwned=1>")).unwrap();
    }
    let read = |name: &str| Runs::read(&[place(name)]).unwrap();
    render_history(&History::of(&read("nightly")), "nightly <b>", directory.path()).unwrap();
    render_fleet(&Fleet::of(&read("racks")), "racks <b>", directory.path()).unwrap();
    let pages = [place("history.html"), place("fleet.html")];
    Some((directory, pages, Chromium::start(program)))
}

#[test]
fn overviews_draw_without_a_complaint_ask_for_nothing_and_run_nothing() {
    let Some((_directory, pages, mut browser)) = opened("overviews_draw_without_a_complaint") else { return };
    for page in &pages {
        browser.width(1280);
        browser.open(page);
        let drawn = browser.value(DRAWINGS);
        let drawn = drawn.as_array().unwrap();
        assert!(drawn.len() >= 5 && drawn.iter().all(|n| *n == json!(1)), "{}: one drawing a figure: {drawn:?}", page.display());
        let outside = browser.value(TEXT_OUTSIDE);
        assert_eq!(outside, json!([]), "{}: text outside its figure", page.display());
        assert_eq!(browser.value("window.pwned === undefined && document.querySelectorAll('img').length === 0"), json!(true));
        let first = "document.querySelector('.findings').getBoundingClientRect().top < 600";
        assert_eq!(browser.value(first), json!(true), "{}: findings are on the first screen", page.display());
        assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
        assert_eq!(browser.requests(), [format!("file://{}", page.display())]);
    }
}

#[test]
fn overviews_fit_a_telephone_and_print_whole() {
    let Some((_directory, pages, mut browser)) = opened("overviews_fit_a_telephone_and_print_whole") else { return };
    for page in &pages {
        browser.width(400);
        browser.medium("screen", "light");
        browser.open(page);
        let overflow = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth").as_i64().unwrap();
        assert_eq!(overflow, 0, "{} scrolls sideways at 400 pixels", page.display());
        browser.width(1280);
        browser.medium("print", "light");
        let cut = browser.value(
            "(() => { dispatchEvent(new Event('beforeprint'));
                const cut = [...document.querySelectorAll('.scroll, details')].filter(e => e.scrollHeight > e.clientHeight + 2 && getComputedStyle(e).overflowY !== 'visible');
                return [cut.length, document.querySelectorAll('details:not([open])').length]; })()",
        );
        assert_eq!(cut, json!([0, 0]), "{}", page.display());
        let pdf = base64::engine::general_purpose::STANDARD.decode(browser.picture("pdf")).unwrap();
        assert!(pdf.starts_with(b"%PDF"));
    }
}
