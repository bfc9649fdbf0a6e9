//! `CREATE SINK`: so far only into the black hole, which counts changes and drops them.

use std::collections::BTreeSet;
use std::sync::Arc;

use dataflow::{Restoring, Runtime};
use plan::{Node, RelationId};
use sql::{CreateSink, ObjectKind};

use crate::bind::Binder;
use crate::catalog::{Entry, Object};
use crate::read::Reader;
use crate::session::Session;
use crate::statement::create::building::Building;
use crate::statement::create::{IfTaken, begin};
use crate::statement::incremental::{ViewPlan, plan_view};
use crate::{Error, Outcome, SqlState};

const BLACKHOLE: &str = "blackhole";

/// Creates a sink.
pub(crate) async fn run(session: &mut Session, sink: &CreateSink, sql: &str) -> Result<Outcome, Error> {
    let verb = "CREATE SINK";
    let engine = Arc::clone(&session.engine);
    let done = Outcome::Done(verb.to_owned());
    let if_taken = IfTaken::unless_exists(sink.if_not_exists);
    let Some(change) = begin(session, &engine, verb, &sink.name, if_taken).await? else { return Ok(done) };
    check_options(sink)?;
    let reader = Reader::now(engine.catalog(), engine.runtime());
    let ViewPlan { node, reads } = plan_view(&session.binder, &reader, &sink.query, &[]).await?;
    drop(reader);

    session.end_implicit().await?;
    let oid = engine.catalog().new_oid();
    let entry = entry(oid, sink, &node, reads, sql);
    let build = |runtime: &Runtime| runtime.build_sink(RelationId(oid), &sink.name.name, node);
    Building::begin(&engine, change, entry, build)?.finish_for(session, &sink.name.name).await?;
    Ok(done)
}

/// A sink as it was when a checkpoint was taken.
pub(crate) async fn restore(
    restoring: &mut Restoring<'_>,
    oid: u32,
    sink: &CreateSink,
    (binder, reader): (&Binder, &Reader),
    sql: &str,
) -> Result<Entry, Error> {
    let ViewPlan { node, reads } = plan_view(binder, reader, &sink.query, &[]).await?;
    let entry = entry(oid, sink, &node, reads, sql);
    restoring.sink(RelationId(oid), &sink.name.name, node);
    Ok(entry)
}

fn entry(oid: u32, sink: &CreateSink, node: &Node, reads: BTreeSet<u32>, sql: &str) -> Entry {
    let object = Object::new(oid, ObjectKind::Sink, &sink.name.name, Arc::clone(node.schema()), sql);
    let object = Object { depends_on: reads.into_iter().collect(), ..object };
    Entry { properties: node.properties(), ..Entry::new(object, sql) }
}

fn check_options(sink: &CreateSink) -> Result<(), Error> {
    match sink.with.get("connector").map(String::as_str) {
        Some(BLACKHOLE) => {}
        Some(other) => {
            return Err(Error::unsupported(format!("a sink with connector '{other}' is not supported yet"))
                .with_hint(format!("The only connector for sinks is '{BLACKHOLE}'.")));
        }
        None => {
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, "option \"connector\" is missing")
                .with_hint(format!("For example: WITH (connector = '{BLACKHOLE}').")));
        }
    }
    match sink.with.keys().find(|key| key.as_str() != "connector") {
        Some(unknown) => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("unknown option \"{unknown}\" for connector \"{BLACKHOLE}\""),
        )
        .with_hint(format!("Connector '{BLACKHOLE}' has no options."))),
        None => Ok(()),
    }
}
