"""The flow: three Faust stages, the broker, the store and the command line. The only package that imports Faust."""
