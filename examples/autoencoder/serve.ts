// Serves the encoder over HTTP. Loads no training code: only the model and its weights.
//
//   npx tsx examples/autoencoder/serve.ts autoencoder.ckpt
//   curl -d '{ "data": [0.1, 0.2, ...] }' http://localhost:8000/predict
import { createServer, type Server } from 'node:http';
import { inferenceMode, tensor } from '@lightning-ts/torch';
import { isMain } from '../isMain.js';
import { LitAutoEncoder } from './model.js';

/** Answers `POST /predict` with `{ embedding }`. */
export async function serve(checkpoint: string, port = 8000): Promise<Server> {
  const model = await LitAutoEncoder.loadFromCheckpoint(checkpoint);
  model.eval();

  /** @throws RangeError for input of another size */
  function predict({ data }: { data: number[] }): { embedding: number[] } {
    const { inputSize } = model.hparams;
    if (!Array.isArray(data) || data.length !== inputSize) throw new RangeError(`data must hold ${inputSize} numbers`);
    const x = tensor(data, { dtype: 'float32' }).unsqueeze(0);
    const z = inferenceMode(() => model.forward(x));
    return { embedding: z.squeeze(0).tolist() as number[] };
  }

  const server = createServer(async (request, response) => {
    const reply = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.method !== 'POST' || request.url !== '/predict') return reply(404, { error: 'POST /predict' });
    try {
      let text = '';
      for await (const chunk of request) text += String(chunk);
      reply(200, predict(JSON.parse(text) as { data: number[] }));
    } catch (error) {
      reply(400, { error: (error as Error).message });
    }
  });
  await new Promise<void>((resolve) => server.listen(port, resolve));
  return server;
}

if (isMain(import.meta.url)) {
  await serve(process.argv[2] ?? 'autoencoder.ckpt');
  console.log('Listening on http://localhost:8000/predict');
}
