"""What a text must not say where anybody may read it: on a lock screen, in a shared phone's SMS.

No diagnosis, treatment, test or drug, and no department whose name tells why one goes there. The
words are Chinese stems as they stand in such names; more is caught than must be, and what is
caught is said behind sign-in instead.
"""

import re
from typing import Final

_WORDS: Final = (
    # diagnoses
    "癌 瘤 白血病 淋巴瘤 骨髓瘤 糖尿病 高血压 低血糖 冠心病 心衰 心力衰竭 心梗 房颤 卒中 中风 "
    "脑梗 慢阻肺 哮喘 肺炎 肺结核 结核 肝炎 乙肝 丙肝 肝硬化 肾病 肾衰 尿毒症 抑郁 焦虑 双相 "
    "精神分裂 自闭 多动 厌食 失眠 癫痫 痴呆 帕金森 艾滋 梅毒 淋病 尖锐湿疣 性病 HIV HPV "
    "早产 流产 不孕 不育 妊娠 怀孕 狼疮 关节炎 痛风 贫血 血友病 甲亢 甲减 银屑病 "
    "痔 疝 骨折 感染 溃疡 出血 转移 恶性 自杀 自伤 成瘾 酗酒 "
    # treatments
    "化疗 放疗 靶向治疗 免疫治疗 透析 移植 手术 造口 支架 抗凝 安宁 临终 戒毒 试管 引产 介入 "
    # tests
    "血糖 血压 血脂 血氧 血常规 尿常规 肝功 肾功 糖化 肌酐 心电 胃镜 肠镜 活检 病理 骨穿 "
    "穿刺 核磁 CT MRI PET B超 彩超 造影 基因检测 产检 唐筛 标志物 凝血 阳性 阴性 危急值 INR "
    "PHQ GAD MMSE "
    # drugs
    "胰岛素 二甲双胍 华法林 阿司匹林 氯吡格雷 甲氨蝶呤 泼尼松 地塞米松 吗啡 美沙酮 利培酮 "
    "舍曲林 奥氮平 氟西汀 碳酸锂 丙戊酸 羟考酮 他汀 沙坦 普利 洛尔 地平 列汀 格列 列净 替尼 "
    "单抗 沙班 霉素 西林 头孢 激素 避孕 "
    # departments
    "肿瘤科 肿瘤中心 血液科 精神科 心理科 心身科 睡眠门诊 戒烟门诊 生殖 妇科 妇产 产科 男科 "
    "皮肤性病 感染科 传染 肝病 结核科 肛肠 泌尿 肾内科 肾脏科 内分泌 心内科 风湿 神经内科 "
    "疼痛科 安宁疗护 新生儿 NICU ICU 重症 介入科 放疗科 儿童心理 康复科 "
)
# A word of the Latin alphabet is one only by itself: `CT`, not the middle of a web address.
_PATTERN: Final = re.compile(
    "|".join(
        rf"(?<![A-Za-z]){re.escape(word)}(?![A-Za-z])" if word.isascii() else re.escape(word)
        for word in sorted(_WORDS.split(), key=len, reverse=True)
    ),
    re.IGNORECASE,
)


def revealing(text: str) -> list[str]:
    """Return the words of `text` that tell why a person is a patient; none for a decent text.

    Whatever a `{placeholder}` stands for is looked at once it is there.
    """
    return _PATTERN.findall(text)
