import { defineConfig } from 'vite'

// Relative addresses, so that the page works under any path prefix.
export default defineConfig({
  base: './',
  build: {
    outDir: '../service/page/static',
    emptyOutDir: true,
    assetsDir: 'page',
    assetsInlineLimit: 0,
    modulePreload: false,
    target: 'es2022',
    rolldownOptions: { output: { codeSplitting: false } },
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  server: { proxy: { '^/(models|model|metrics|docs|openapi.json|health)': process.env.SERVICE ?? 'http://127.0.0.1:8000' } },
})
