import type { Map as MapLibre } from "maplibre-gl";

const LIFE_MS = 1_400;
const MOST = 160;
/** Thirty pictures a second are enough for a ring. */
const FRAME_MS = 32;

interface Pulse {
  position: [number, number];
  colour: string;
  born: number;
}

/**
 * Rings that grow and fade where a reading has just arrived. They are drawn on a canvas of their own
 * above the map, so that the map itself need not be painted again for them. Does nothing for people
 * who asked for less motion.
 */
export class Pulses {
  private readonly canvas = document.createElement("canvas");
  private readonly context = this.canvas.getContext("2d");
  private readonly alive = new Map<number, Pulse>();
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)");
  private frame = 0;
  private last = 0;

  constructor(private readonly map: MapLibre) {
    this.canvas.className = "pulses";
    this.canvas.setAttribute("aria-hidden", "true");
    map.getCanvasContainer().append(this.canvas);
  }

  add(station: number, position: [number, number], colour: string): void {
    if (this.calm.matches || document.hidden || this.alive.size >= MOST) return;
    if (this.alive.has(station)) return;
    this.alive.set(station, { position, colour, born: performance.now() });
    this.frame ||= requestAnimationFrame((now) => this.draw(now));
  }

  private draw(now: number): void {
    this.frame = 0;
    const context = this.context;
    if (!context) return;
    if (now - this.last < FRAME_MS) {
      this.frame = requestAnimationFrame((next) => this.draw(next));
      return;
    }
    this.last = now;
    this.fit();
    const ratio = devicePixelRatio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const size = 5 + Math.max(0, this.map.getZoom() - 11) * 2.4;
    for (const [station, pulse] of this.alive) {
      const age = (now - pulse.born) / LIFE_MS;
      if (age >= 1) this.alive.delete(station);
      else if (age >= 0) this.ring(context, pulse, age, size);
    }
    if (this.alive.size > 0) this.frame = requestAnimationFrame((next) => this.draw(next));
  }

  private ring(context: CanvasRenderingContext2D, pulse: Pulse, age: number, size: number): void {
    const { x, y } = this.map.project(pulse.position);
    const eased = 1 - (1 - age) ** 3;
    context.globalAlpha = (1 - age) * 0.9;
    context.strokeStyle = pulse.colour;
    context.lineWidth = 2.5 * (1 - age) + 0.5;
    context.beginPath();
    context.arc(x, y, size * (1 + 1.9 * eased), 0, 2 * Math.PI);
    context.stroke();
  }

  private fit(): void {
    const { clientWidth, clientHeight } = this.map.getContainer();
    const width = Math.round(clientWidth * devicePixelRatio);
    const height = Math.round(clientHeight * devicePixelRatio);
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
  }
}
