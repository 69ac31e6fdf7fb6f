// What the `ai` package does with a gateway: node clients.mjs FOLDER < {"provider", "model", "base", "key", "call"}
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const from = createRequire(process.argv[2] + '/package.json')
const load = (name) => import(pathToFileURL(from.resolve(name)).href)
let text = ''
for await (const chunk of process.stdin) text += chunk
const asked = JSON.parse(text)
const { generateImage } = await load('ai')
const { createOpenAI } = await load('@ai-sdk/openai')
const { createXai } = await load('@ai-sdk/xai')
const make = { openai: createOpenAI, xai: createXai }[asked.provider]
const provider = make({ baseURL: asked.base, apiKey: asked.key })
const prompt = asked.images
  ? { text: asked.call.prompt, images: asked.images.map((one) => Buffer.from(one, 'base64')) }
  : asked.call.prompt
try {
  const made = await generateImage({ model: provider.image(asked.model), maxRetries: 0, ...asked.call, prompt })
  console.log(JSON.stringify({ images: made.images.map((image) => image.base64) }))
} catch (error) {
  console.log(JSON.stringify({ status: error.statusCode, message: error.message, body: error.responseBody }))
}
