//! The page of a search and the page of a scaling measurement, by the same standards as the report.

use reporter::archive::Archive;
use reporter::record::{Metric, Stack};
use reporter::render::render_run;
use reporter::tuned::{Scaling, TuneRun};
use serde_json::{Value, json};

use crate::chromium::{self, Chromium};
use crate::synthetic::{self, Truth, records};
use crate::{DRAWINGS, TEXT_OUTSIDE};

/// A search over three axes, one of them with values that are long and that look like markup.
fn search() -> TuneRun {
    let devargs = ["default", "txqs_min_inline=0,txq_inline_max=290,txq_inline_mpw=268", "<img src=x onerror=window.pwned=1>"];
    let (bursts, rings) = (["16", "32", "64", "128", "256"], ["default", "256", "512", "2048"]);
    let mut settings = Vec::new();
    for (i, burst) in bursts.iter().enumerate() {
        for (j, ring) in rings.iter().enumerate() {
            for (k, devargs) in devargs.iter().enumerate().take(2) {
                let value = 24.0e6 + 2e5 * i as f64 - 3e5 * j as f64 + 1e5 * k as f64;
                settings.push(json!({ "setting": [burst, ring, devargs], "value": value, "interval": [value * 0.98, value * 1.02],
                                      "trials": 4, "cores": 2.0, "equals_winner": value > 24.6e6 }));
            }
        }
    }
    settings.sort_by(|one, other| other["value"].as_f64().unwrap().total_cmp(&one["value"].as_f64().unwrap()));
    let best = settings[0]["setting"].clone();
    let why = "rte_eth_dev_configure of port mlx5_0: Invalid argument <script>window.pwned=1</script>";
    let found = json!({
        "stop": "all-equal", "chosen": best, "winner": best, "better_than_default": true, "cheapest": best, "confidence": 0.98, "noise": 0.02,
        "gain": { "ratio": 1.04, "interval": [1.01, 1.07], "pairs": 8, "shown": true }, "trials": 180, "untried": 3, "settings": settings,
        "failed": [{ "setting": ["16", "default", devargs[2]], "why": why }]
    });
    let axis = |name: &str, values: &[&str]| json!({ "name": name, "values": values, "costly": false });
    let run = json!({
        "pair": { "from": "a-cpu", "to": "b-cpu" }, "stack": "dpdk", "goal": "mrr", "aim": "greatest", "unit": "packets-per-second",
        "within": 0.02, "seed": 1, "budget": { "trials": 180 }, "base": "stack = \"dpdk\"\n", "default": [2, 0, 0], "found": found,
        "axes": [axis("burst", &bursts), axis("rx-descriptors", &rings), axis("sender-devargs", &devargs)],
    });
    serde_json::from_value(run).unwrap()
}

/// Four numbers of queues, and one that could not be measured.
fn scaling() -> Scaling {
    let point = |queues: u16, rate: f64| {
        let because = [
            "a poll loop of the receiver moved frames for 97 % of the time, and its port dropped 12 % of the frames",
            "the receiver had time: its busiest poll loop moved frames for 60 % of it",
        ];
        json!({ "sender_queues": queues, "receiver_queues": queues, "cores": 2 * queues, "trials": 5, "without_value": 0, "rate_pps": rate,
                "range_pps": [rate * 0.97, rate * 1.03], "of_perfect": 0.8, "of_ceiling": 0.4, "sender_ns": 24.1, "receiver_ns": 48.2,
                "limit": { "limit": "receiver-core", "because": because }, "agreeing": 5 })
    };
    let points: Vec<Value> = [(1, 20e6), (2, 38e6), (4, 60e6), (8, 70e6)].map(|(queues, rate)| point(queues, rate)).into();
    let why = "the sender needs 16 poll loops with a CPU each, and the machine has 8 CPUs";
    serde_json::from_value(json!({
        "pair": { "from": "a-cpu", "to": "b-cpu" }, "base": "stack = \"dpdk\"\n", "points": points, "ceiling_pps": 148_809_523.0,
        "generator_ns": 7.1, "not_measured": [{ "queues": "16", "why": why }]
    }))
    .unwrap()
}

/// Both pages, and a browser; none where no browser is installed.
fn opened(name: &str) -> Option<(tempfile::TempDir, [std::path::PathBuf; 2], Chromium)> {
    let Some(program) = chromium::installed() else {
        println!("skipped {name}: no chromium in /usr/bin (apt-get install chromium)");
        return None;
    };
    let directory = tempfile::tempdir().unwrap();
    let mut list = records(&Truth::lab(7));
    list.retain(|record| {
        record.stack == Stack::Dpdk
            && record.metric == Metric::Throughput
            && record.pair.to_string() == "a-cpu→b-cpu"
            && record.size.bytes == 64
    });
    let page = |name: &str, change: &dyn Fn(&mut Archive)| {
        let into = directory.path().join(name);
        let mut archive = synthetic::archive(&into, &list);
        change(&mut archive);
        render_run(&archive, &into).unwrap();
        into.join("report.html")
    };
    let pages = [page("tuned", &|archive| archive.tuned = Some(search())), page("scaling", &|archive| archive.scaling = Some(scaling()))];
    Some((directory, pages, Chromium::start(program)))
}

/// The section of each page, and how many figures it has.
const SECTIONS: [(&str, i64); 2] = [("tuned", 2), ("scaling", 1)];

#[test]
fn tunings_draw_without_a_complaint_ask_for_nothing_and_run_nothing() {
    let Some((_directory, pages, mut browser)) = opened("tunings_draw_without_a_complaint") else { return };
    for (page, (section, figures)) in pages.iter().zip(SECTIONS) {
        browser.width(1280);
        browser.open(page);
        let drawn = browser.value(&DRAWINGS.replace("querySelectorAll('figure')", &format!("querySelectorAll('#{section} figure')")));
        assert_eq!(drawn, json!(vec![1; figures as usize]), "{section}: one drawing a figure");
        assert_eq!(browser.value(TEXT_OUTSIDE), json!([]), "{section}: text outside its figure");
        assert_eq!(browser.value("window.pwned === undefined && document.querySelectorAll('img').length === 0"), json!(true));
        assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
        assert_eq!(browser.requests(), [format!("file://{}", page.display())]);
    }
}

#[test]
fn tunings_fit_a_telephone() {
    let Some((_directory, pages, mut browser)) = opened("tunings_fit_a_telephone") else { return };
    for (page, (section, _)) in pages.iter().zip(SECTIONS) {
        browser.width(400);
        browser.medium("screen", "light");
        browser.open(page);
        let overflow = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth").as_i64().unwrap();
        let widest = "[...document.querySelectorAll('body *')].filter(e => (e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 || e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0) && !e.closest('.scroll, svg'))
            .slice(0, 5).map(e => e.outerHTML.slice(0, 200))";
        assert_eq!(overflow, 0, "{section} scrolls sideways at 400 pixels: {}", browser.value(widest));
        let wrong = format!(
            "[...document.querySelectorAll('#{section} .v .figure')].map(f => f.getBoundingClientRect()).filter(b => b.width)
                .filter(b => b.left < 0 || b.right > innerWidth || b.width < 300).length"
        );
        assert_eq!(browser.value(&wrong), json!(0), "a figure of {section} does not fit");
        assert_eq!(browser.value(TEXT_OUTSIDE), json!([]), "{section}: text outside its figure at 400 pixels");
        let small =
            "Math.min(...[...document.querySelectorAll('.v .figure text')].map(t => t.getBoundingClientRect().height).filter(Boolean))";
        assert!(browser.value(small).as_f64().unwrap() >= 10.0, "{section}: text of {} pixels", browser.value(small));
    }
}
