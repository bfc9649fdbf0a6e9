-- What the demo shows, again and again: under each title one query over a view.

-- Hottest auctions
SELECT item_name, bids, top_bid FROM auction_bids ORDER BY bids DESC, top_bid DESC LIMIT 5;

-- Bids by channel
SELECT channel, bids, high_bids, bidders FROM bids_by_channel ORDER BY bids DESC LIMIT 5;

-- Best selling states
SELECT state, auctions, bids, top_bid FROM sales_by_state ORDER BY bids DESC LIMIT 5;

-- Departure delays by airline (minutes)
SELECT airline, flights, average_delay, over_an_hour, cancelled FROM delays_by_airline ORDER BY average_delay DESC LIMIT 6;

-- Worst routes (minutes late on arrival)
SELECT origin, dest, airport, flights, average_delay FROM routes ORDER BY average_delay DESC LIMIT 5;

-- Does wind delay flights?
SELECT wind_mph, flights, average_delay FROM delay_by_wind ORDER BY wind_mph LIMIT 8;
