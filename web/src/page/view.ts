/** Where the picture is on the screen: OpenSeadragon moves it, a canvas over it draws what there is. */

import OpenSeadragon from "openseadragon";

import type { Box, Size } from "../format/container.js";

/** How to draw: in a coordinate system of HR pixels. */
export type Paint = (context: CanvasRenderingContext2D, visible: Box, pixelsPerPixel: number) => void;

export class View {
  private readonly viewer: OpenSeadragon.Viewer;
  private readonly context: CanvasRenderingContext2D;
  private size: Size = { width: 1, height: 1 };
  private settled: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param paint called for every frame.
   * @param onSettled called when the picture has come to rest.
   */
  constructor(
    element: HTMLElement,
    private readonly overlay: HTMLCanvasElement,
    private readonly paint: Paint,
    private readonly onSettled: () => void,
  ) {
    this.context = overlay.getContext("2d")!;
    this.viewer = new OpenSeadragon.Viewer({
      element,
      drawer: "canvas",
      showNavigationControl: false,
      animationTime: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 0.5,
      maxZoomPixelRatio: 8,
      minZoomImageRatio: 0.7,
      visibilityRatio: 0.4,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    });
    this.viewer.canvas.setAttribute("role", "application");
    this.viewer.canvas.setAttribute("aria-label", "Picture: arrow keys move it, plus and minus zoom");
    this.viewer.addHandler("update-viewport", () => this.draw());
    this.viewer.addHandler("animation", () => this.moved());
    this.viewer.addHandler("resize", () => this.moved());
    this.viewer.addHandler("open", () => {
      this.draw();
      onSettled();
    });
    new ResizeObserver(() => this.draw()).observe(overlay);
  }

  /** Show another picture, whole. */
  open(size: Size): void {
    this.size = size;
    // no tiles of its own: all is drawn on the canvas over it
    const empty = { ...size, tileSize: 256, tileExists: () => false, getTileUrl: () => "" };
    this.viewer.open(empty as unknown as OpenSeadragon.TileSourceSpecifier);
  }

  /** Draw once more. */
  refresh(): void {
    requestAnimationFrame(() => this.draw());
  }

  /** What is seen of the picture, in HR pixels; undefined before one is there. */
  visible(): Box | undefined {
    if (!this.viewer.isOpen()) return undefined;
    const { x, y, width, height } = this.viewer.viewport.viewportToImageRectangle(this.viewer.viewport.getBounds());
    const [left, top] = [Math.max(0, Math.floor(x)), Math.max(0, Math.floor(y))];
    const right = Math.min(this.size.width, Math.ceil(x + width));
    const bottom = Math.min(this.size.height, Math.ceil(y + height));
    return right > left && bottom > top ? { x: left, y: top, width: right - left, height: bottom - top } : undefined;
  }

  /** Pixels of the screen a pixel of the picture. */
  get scale(): number {
    return this.viewer.viewport.viewportToImageZoom(this.viewer.viewport.getZoom()) * devicePixelRatio;
  }

  /** Go to a place: its middle in HR pixels, and pixels of the page a pixel of the picture. */
  moveTo(x: number, y: number, zoom: number): void {
    const { viewport } = this.viewer;
    viewport.zoomTo(viewport.imageToViewportZoom(zoom), undefined, true);
    viewport.panTo(viewport.imageToViewportCoordinates(x, y), true);
    this.moved();
  }

  private moved(): void {
    clearTimeout(this.settled);
    this.settled = setTimeout(this.onSettled, 200);
  }

  private draw(): void {
    const { overlay, context, viewer } = this;
    const [width, height] = [overlay.clientWidth, overlay.clientHeight].map((side) =>
      Math.round(side * devicePixelRatio),
    );
    if (overlay.width !== width || overlay.height !== height) [overlay.width, overlay.height] = [width!, height!];
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, overlay.width, overlay.height);
    if (!viewer.isOpen()) return;
    // where the picture is now, not where it is going; the types know no numbers here
    const current = (x: number, y: number): OpenSeadragon.Point =>
      viewer.world.getItemAt(0).imageToViewportCoordinates(x, y, true);
    const at = (x: number, y: number) =>
      viewer.viewport.viewportToViewerElementCoordinates(current(x, y)).times(devicePixelRatio);
    const [start, end] = [at(0, 0), at(this.size.width, this.size.height)];
    const zoom = (end.x - start.x) / this.size.width;
    context.setTransform(zoom, 0, 0, zoom, start.x, start.y);
    context.imageSmoothingEnabled = zoom < 3 * devicePixelRatio; // further in, pixels are wanted
    context.imageSmoothingQuality = "high";
    const area = { x: 0, y: 0, ...this.size };
    this.paint(context, this.visible() ?? area, zoom);
  }
}
