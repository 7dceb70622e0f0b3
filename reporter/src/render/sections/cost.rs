use super::Input;
use crate::amount::{Amount, Unit};
use crate::analysis::{Cell, Cells, Quantity, Sample};
use crate::figure;
use crate::record::{ReportView, Stack};
use crate::render::document::{Section, Table};
use crate::render::format;

/// What the results cost in processor time.
pub fn cost(input: &Input<'_>) -> Section {
    Section {
        id: "cost",
        title: "CPU cost",
        figures: figure::goodput_per_core(input.cells).into_iter().chain(figure::cpu_use_by_load(input.cells)).collect(),
        tables: table(input.cells).captioned("Cores, and time for each frame, at the smallest and the largest size").into_iter().collect(),
        method:
            "Kernel: busy time of the whole machine from /proc/stat, softirq included. DPDK: a core that polls counts as fully busy; its \
                 busy time is that of iterations that found frames. Cycles are those of the x86 time-stamp counter; the clock of an Arm CPU \
                 does not count cycles. If both ends share a machine, one figure covers both."
                .to_owned(),
        ..Section::default()
    }
}

fn table(cells: &Cells<'_>) -> Table {
    let mut rows = Vec::new();
    for pair in cells.pairs() {
        for stack in Stack::kernel_in_view(ReportView::Cost).chain(Stack::bypass_in_view(ReportView::Cost)) {
            let curve = cells.curve(&pair, stack);
            let ends: Vec<_> = match (curve.first(), curve.last()) {
                (Some(first), Some(last)) if first.key.size != last.key.size => vec![*first, *last],
                (first, _) => first.into_iter().copied().collect(),
            };
            rows.extend(ends.into_iter().filter_map(row));
        }
    }
    Table::new(
        [
            "pair",
            "stack",
            "size",
            "cores in use",
            "goodput a core",
            "CPU time a byte",
            "busy time a frame, receiver",
            "the same in TSC cycles",
        ],
        rows,
    )
}

/// None where the cell has no cost.
fn row(cell: &Cell<'_>) -> Option<Vec<String>> {
    let cores = cell.sample(Quantity::Cores);
    let busy = cell.sample(Quantity::BusyPerFrame);
    let cycles = cell.sample(Quantity::CyclesPerFrame);
    if cores.is_none() && busy.is_none() && cycles.is_none() {
        return None;
    }
    let mean = |sample: Option<Sample>| format::or_absent(sample.map(|s| s.quantity.amount(s.centre()).to_string()));
    Some(vec![
        cell.key.pair.to_string(),
        cell.key.stack.label().to_owned(),
        cell.key.size.to_string(),
        mean(cores),
        format::or_absent(figure::per_core(cell).map(|(rate, _)| Quantity::Goodput.amount(rate).to_string())),
        format::or_absent(
            figure::cost_of(cell)
                .map(|(goodput, cores)| Amount { unit: Unit::Nanoseconds, value: figure::ns_per_byte(cores, goodput) }.to_string()),
        ),
        mean(busy),
        mean(cycles),
    ])
}
