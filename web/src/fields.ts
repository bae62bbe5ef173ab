/**
 * Chinese for texts that the service sends in English: names of fields in an evaluation or an
 * artifact, and notes. A text without a translation is shown in English.
 */

import type { Language } from "./settings.svelte";
import notes from "./notes.zh.json";

const FIELDS: Record<string, string> = {
  // An evaluation report
  title: "标题",
  protocol: "评估方案",
  dataset: "数据集",
  "training users": "训练用户",
  "training events": "训练行为",
  "validation users": "验证用户",
  "test users": "测试用户",
  differences: "差异",
  notes: "提示",
  tradeoff_k: "权衡曲线的列表长度",
  // How a run was made
  run: "设置",
  result: "结果",
  command: "命令",
  commit: "提交",
  machine: "机器",
  date: "日期",
  fingerprint: "指纹",
  ids_fingerprint: "编号指纹",
  split: "划分",
  name: "名称",
  weighting: "行为权重",
  column: "列",
  kinds: "各类行为",
  kept_kinds: "保留的行为类别",
  dislikes: "不喜欢的条件",
  dislikes_by: "条件所用字段",
  options: "选项",
  // Results of a run
  steps: "步数",
  best_step: "最佳步",
  validation: "验证指标",
  seconds: "秒数",
  pairs_per_second: "每秒样本对数",
  // Settings of a run
  extractor: "提取器",
  dim: "向量维度",
  interests: "兴趣数",
  max_len: "行为历史最大长度",
  block: "分块",
  readout: "读出方式",
  loss: "损失函数",
  negatives: "负样本数",
  sampler: "采样器",
  similarity: "相似度",
  temperature: "温度",
  dropout: "丢弃率",
  tie_embeddings: "共享嵌入",
  init: "初始化",
  init_clusters: "初始化聚类数",
  train_clusters: "训练聚类数",
  forming: "形成兴趣",
  advice: "建议",
  categories: "类别",
  items: "物品",
  mask_history_negatives: "历史物品不作负样本",
  routing_variance: "路由方差",
  disagreement: "差异正则",
  exclude_seen: "排除已有物品",
  rules: "共现规则",
  index: "索引",
  validate_on: "验证所用指标",
  epochs: "轮数",
  batch_size: "批大小",
  targets: "目标",
  horizon: "目标范围",
  learning_rate: "学习率",
  warmup: "预热步数",
  schedule: "学习率调度",
  sparse: "稀疏梯度",
  weight_decay: "权重衰减",
  ema_decay: "EMA 衰减",
  clip: "梯度裁剪",
  validate_every: "验证间隔",
  patience: "早停耐心",
  seed: "随机种子",
  device: "设备",
  precision: "精度",
};

/** What stands in a note for a number, a word, any text, and the ending of a plural. */
const PARTS: Record<string, string> = { n: "([-+\\d.,/]+)", w: "(\\S+)", t: "(.+)", s: "s?" };
const PATTERNS = Object.entries(notes).map(([english, chinese]) => {
  const escaped = english.replace(/[.*+?()]/g, "\\$&");
  return { pattern: new RegExp(`^${escaped.replace(/\{(.)\}/g, (_, kind) => PARTS[kind] ?? "")}$`, "s"), chinese };
});

/** The name of a field, in words. */
export function label(key: string, language: Language): string {
  return (language === "zh" && FIELDS[key]) || key.replaceAll("_", " ");
}

/** A sentence of the service. It can have another one in it, or begin with the name of a model: "prism: …". */
export function translate(text: string, language: Language): string {
  if (language === "en") return text;
  for (const { pattern, chinese } of PATTERNS) {
    const parts = pattern.exec(text);
    if (parts) return chinese.replace(/\$(\d)/g, (_, place) => translate(parts[place] ?? "", language));
  }
  const named = text.match(/^([^:]{1,60}): (.+)$/s);
  if (!named?.[1] || !named[2]) return text;
  const rest = translate(named[2], language);
  return rest === named[2] ? text : `${named[1]}：${rest}`;
}
