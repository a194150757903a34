//! What it costs a run to be observed: the same runs with nothing exported, and with everything that can be.

use super::support::TestRepo;
use super::support::collector::{Collector, Manner};
use super::{Contestant, again, side_by_side, steps};
use serde_json::json;

/// The same workflow in two repositories, of which one sends, writes and keeps all that there is.
pub fn observing() {
    let agents = r#"'say:{"crew":"tool","id":"1","name":"shell"}' 'say:{"crew":"tool_end","id":"1","ok":true}' sleep:1000 submit:done 'say:{"crew":"end","ok":true}'"#;
    let rows: [(&str, String); 2] = [
        // 40 agents of a second, with a check each, eight at once, since they only read: five seconds is the least there can be.
        ("agents", steps(40, |_| "role: explorer\nagent: mine\nverify: test -d .\n\nDo it.".into())),
        // Nothing but what crew itself does.
        ("null tasks", steps(300, |_| "run: true".into())),
    ];
    for (name, workflow) in rows {
        let (plain, observed) = (TestRepo::new(), TestRepo::new());
        let collector = Collector::start(Manner::Takes);
        observed.set("otlp", "export", json!(true));
        observed.set("otlp", "endpoint", json!(collector.url()));
        observed.set("metrics", "textfile", json!(observed.beside("crew.prom")));
        observed.set("metrics", "jsonl", json!(true));
        for repo in [&plain, &observed] {
            repo.crew_agent("mine", agents);
            repo.workflow("many", &workflow);
        }
        let of = |repo: &TestRepo| {
            let command = repo.command(["run", "g", "--workflow", "many", "--jobs", "8", "--quiet"]);
            Box::new(move || again(&command))
        };
        println!("{name}");
        let contestants: Vec<Contestant> = vec![("not observed", of(&plain)), ("observed", of(&observed))];
        let costs = side_by_side(7, contestants);
        // What fails at once costs nothing, observed or not.
        assert!(costs.iter().all(|cost| cost.exit == Some(0)), "they went well");
        let [plain, seen] = [&costs[0], &costs[1]].map(|cost| cost.wall.as_secs_f64());
        println!(
            "{:+.1} % of wall time; {} spans arrived",
            (seen / plain - 1.0) * 100.0,
            collector.spans().len()
        );
    }
}
