-- What `cargo xtask demo` creates: an auction site that is generated as you watch, and the flights
-- out of New York of 2013, streamed from files. Nothing of it is special to the demo: paste any part
-- of it into psql (from the checkout's root, since the paths of the files start there).

-- The auction site of the Nexmark benchmark, a thousand events a second.
CREATE SOURCE person WITH (connector = 'nexmark', table = 'person', rate = '1000');
CREATE SOURCE auction WITH (connector = 'nexmark', table = 'auction', rate = '1000');
CREATE SOURCE bid WITH (connector = 'nexmark', table = 'bid', rate = '1000');

-- Every auction with what was bid for it.
CREATE MATERIALIZED VIEW auction_bids AS
SELECT a.id, a.item_name, a.seller, count(*) AS bids, max(b.price) AS top_bid
FROM auction a
JOIN bid b ON b.auction = a.id
GROUP BY a.id, a.item_name, a.seller;

-- A view over that view and another source: who sells best, by state.
CREATE MATERIALIZED VIEW sales_by_state AS
SELECT p.state, count(*) AS auctions, sum(v.bids)::bigint AS bids, max(v.top_bid) AS top_bid
FROM auction_bids v
JOIN person p ON p.id = v.seller
GROUP BY p.state;

CREATE MATERIALIZED VIEW bids_by_channel AS
SELECT
    channel,
    count(*) AS bids,
    count(*) FILTER (WHERE price >= 1000000) AS high_bids,
    count(DISTINCT bidder) AS bidders
FROM bid
GROUP BY channel;

-- Flights, a few hundred a second; the rest is read at once.
CREATE SOURCE flights WITH (connector = 'file', path = 'demo/data/flights.csv', rate = '300');
CREATE SOURCE weather WITH (connector = 'file', path = 'demo/data/weather.csv');
CREATE SOURCE airlines WITH (connector = 'file', path = 'demo/data/airlines.csv');
CREATE SOURCE airports WITH (connector = 'file', path = 'demo/data/airports.csv');

CREATE MATERIALIZED VIEW delays_by_airline AS
SELECT
    a.name AS airline,
    count(*) AS flights,
    avg(f.dep_delay)::numeric(6, 1) AS average_delay,
    count(*) FILTER (WHERE f.dep_delay > 60) AS over_an_hour,
    count(*) FILTER (WHERE f.dep_time IS NULL) AS cancelled
FROM flights f
JOIN airlines a ON a.carrier = f.carrier
GROUP BY a.name;

CREATE MATERIALIZED VIEW routes AS
SELECT f.origin, f.dest, p.name AS airport, count(*) AS flights, avg(f.arr_delay)::numeric(6, 1) AS average_delay
FROM flights f
JOIN airports p ON p.faa = f.dest
GROUP BY f.origin, f.dest, p.name
HAVING count(f.arr_delay) >= 20;

-- Does wind delay flights? By steps of five miles an hour.
CREATE MATERIALIZED VIEW delay_by_wind AS
SELECT (floor(w.wind_speed / 5) * 5)::int AS wind_mph, count(*) AS flights, avg(f.dep_delay)::numeric(6, 1) AS average_delay
FROM flights f
JOIN weather w ON w.origin = f.origin AND w.time_hour = f.time_hour
WHERE w.wind_speed IS NOT NULL AND f.dep_delay IS NOT NULL
GROUP BY floor(w.wind_speed / 5) * 5;
