"""lleaves in an interpreter of its own: compiles a model, then times one prediction for every line it is sent."""

import sys
import time

import lleaves
import numpy as np

model_path, rows_path, answer_path = sys.argv[1:4]
rows = np.load(rows_path)
start = time.perf_counter()
model = lleaves.Model(model_file=model_path)
model.compile()
print(time.perf_counter() - start, 0.0, flush=True)
np.save(answer_path, model.predict(rows, n_jobs=1))
for _ in sys.stdin:
    start, used = time.perf_counter(), time.process_time()
    model.predict(rows, n_jobs=1)
    print(time.perf_counter() - start, time.process_time() - used, flush=True)
