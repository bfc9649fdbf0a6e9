//! `testdata/client-queries-pg15.log`: the statements of psql's commands and of drivers, recorded on a PostgreSQL 15
//! with one table, one view, one materialized view and one index.

/// The statements of the log by section, with parameters put in place.
pub(super) fn recorded() -> Vec<(String, String)> {
    let log = include_str!("../../../testdata/client-queries-pg15.log");
    let mut statements: Vec<(String, String)> = Vec::new();
    let mut section = String::new();
    for line in log.lines() {
        if let Some(name) = line.strip_prefix("@@@@") {
            section = name.to_owned();
        } else if let Some(more) = line.strip_prefix('\t') {
            if let Some((_, statement)) = statements.last_mut() {
                statement.push('\n');
                statement.push_str(more);
            }
        } else if let Some((_, parameters)) = line.split_once("DETAIL:  parameters: ") {
            if let Some((_, statement)) = statements.last_mut() {
                *statement = with_parameters(statement, parameters);
            }
        } else if let Some((_, statement)) = line.split_once("statement: ") {
            statements.push((section.clone(), statement.to_owned()));
        } else if let Some((_, rest)) = line.split_once("execute ")
            && let Some((_, statement)) = rest.split_once(": ")
        {
            statements.push((section.clone(), statement.to_owned()));
        }
    }
    statements
}

fn with_parameters(statement: &str, parameters: &str) -> String {
    let mut values: Vec<&str> =
        parameters.split(", $").map(|part| part.split_once(" = ").map_or("", |(_, value)| value)).collect();
    let mut statement = statement.to_owned();
    while let Some(value) = values.pop() {
        statement = statement.replace(&format!("${}", values.len() + 1), value);
    }
    statement
}

/// The first statement of a psql command.
pub(super) fn psql(command: &str, number: usize) -> String {
    let section = format!("psql {command}");
    recorded().into_iter().filter(|(found, _)| *found == section).nth(number).expect("recorded").1
}
