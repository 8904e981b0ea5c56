"""Which records learn together: batches, how they are drawn, and the random numbers behind them."""
