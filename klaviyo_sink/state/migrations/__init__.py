"""Schema changes of the state database, newest last. Run by `klaviyo_sink.state.database` at open."""
