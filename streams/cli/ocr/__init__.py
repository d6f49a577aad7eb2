"""`hangtag ocr`: the worker, the page and the vLLM command line."""
